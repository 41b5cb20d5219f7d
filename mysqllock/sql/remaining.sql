SELECT name, holder FROM {lock} WHERE name IN ({names}) AND holder IN ({holders})
