SELECT name, holder, broken FROM {lock} WHERE name IN ({names}) AND holder IN ({holders}) AND until > {now}
