/*
 * Scripts that run one command per key. A command that the server refuses for one key does not stop the others. The
 * replies are a list with a number per key, or the text of an error if the command was refused.
 */

/** KEYS: keys. ARGV: the command, whose reply is a number. */
export const FOR_EACH = `
local replies = {}
for i, key in ipairs(KEYS) do
  local reply = redis.pcall(ARGV[1], key)
  replies[i] = type(reply) == 'table' and reply.err or reply
end
return replies`;

/**
 * KEYS: keys. ARGV: for each key its value, and its time to live in milliseconds: '' for never, '0' to remove the key.
 */
export const SET_EACH = `
local replies = {}
for i, key in ipairs(KEYS) do
  local value, ttl = ARGV[2 * i - 1], ARGV[2 * i]
  local reply
  if ttl == '' then reply = redis.pcall('SET', key, value)
  elseif ttl == '0' then reply = redis.pcall('UNLINK', key)
  else reply = redis.pcall('SET', key, value, 'PX', ttl) end
  replies[i] = type(reply) == 'table' and reply.err or 1
end
return replies`;
