-- ARGV: for how long after its start this server does not count, then for each
-- operation its name and its arguments. An operation that fails answers 'error' and
-- leaves the others alone.
local answers = {}
local key, arg = 1, 2
while arg <= #ARGV do
	local operation = operations[ARGV[arg]]
	local ok, answer = pcall(function()
		return operation.run(load(key), arg + 1)
	end)
	if not ok then
		answer = {'error', type(answer) == 'table' and answer.err or tostring(answer)}
	end
	table.insert(answers, answer)
	key, arg = key + 4, arg + 1 + operation.args
end
return answers
