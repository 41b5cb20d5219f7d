-- ARGV: publish command, claim window, life of a place in line, then for each operation
-- its name and its arguments. An operation that fails, as on a key of another type,
-- answers 'error' and leaves the others alone.
local function run(operation, key, arg)
	local s = load(key)
	local answer = operation.run(s, arg)
	if s.changed then
		save(s)
	end
	return answer
end

local answers = {}
local key, arg = 1, 4
while arg <= #ARGV do
	local operation = operations[ARGV[arg]]
	local ok, answer = pcall(run, operation, key, arg + 1)
	if not ok then
		answer = {'error', type(answer) == 'table' and answer.err or tostring(answer)}
	end
	table.insert(answers, answer)
	key, arg = key + 5, arg + 1 + operation.args
end
return answers
