/** Reads the epoch and the cache at the beginning of a record, see `recordHead`. Both are nil for other text. */
export const PARSE_HEAD = `
local function parseHead(text)
  local epoch, cache = string.match(text, '^{"epoch":(%d+),"cache":"([^"]*)"')
  return tonumber(epoch), cache
end`;

/**
 * Writes a record unless the server holds one that is as new, or that is not of the same cache. Replies with the
 * text that the server holds afterwards.
 *
 * KEYS: record. ARGV: text, epoch and cache of the record.
 */
export const RAISE = `${PARSE_HEAD}
local held = redis.call('GET', KEYS[1])
if held then
  local epoch, cache = parseHead(held)
  if cache ~= ARGV[3] or epoch >= tonumber(ARGV[2]) then return held end
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]`;

/**
 * Fails if the user must not write these keys or must not run the commands of a change, or the server accepts no writes.
 * Writes nothing: SET NX does nothing if the key exists, SET XX does nothing if it does not, and the other commands are
 * about a key that does not exist.
 *
 * KEYS: keys that hold text. ARGV[1]: a key that does not exist.
 */
export const CHECK_WRITABLE = `
for _, key in ipairs(KEYS) do
  redis.call('SET', key, '', redis.call('GET', key) and 'NX' or 'XX')
end
local missing = ARGV[1]
redis.call('GETRANGE', missing, 0, 0)
for _, command in ipairs({'EXISTS', 'MGET', 'TYPE', 'PTTL', 'PERSIST', 'UNLINK'}) do redis.call(command, missing) end
redis.call('PEXPIRE', missing, 1)
local reply = redis.pcall('RENAMENX', missing, missing)
if reply.err and string.find(reply.err, 'NOPERM', 1, true) then return redis.error_reply(reply.err) end`;
