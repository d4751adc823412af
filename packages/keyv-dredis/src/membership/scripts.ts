import { LEASE_PREFIX, TOPOLOGY_KEY } from '../format/reserved-keys.js';

/*
 * The scripts that move entries. ARGV[1] is the beginning of the topology record under which the caller acts. If the
 * server holds another record, a script does nothing and returns null. The record is not in KEYS, because an ACL user
 * who may only read it could not pass it. Nor are leases, because twice as many arguments would cost time. No server is
 * a member of a Redis Cluster, which would need all names.
 */

/** How long a lease lasts after the last pull took it, in milliseconds. */
export const LEASE_MS = 30_000;

/** Begins each script that needs the record. */
export const CHECK_RECORD = `
if redis.call('GETRANGE', '${TOPOLOGY_KEY}', 0, #ARGV[1] - 1) ~= ARGV[1] then return false end
`;

/**
 * Reads the beginning of a value: an error for WRONGTYPE becomes nil, because only strings are entries. Other errors
 * are returned as they are.
 */
const READ_STRING = `
local function readString(key, maxBytes)
  local value = redis.pcall('GETRANGE', key, 0, maxBytes)
  if type(value) == 'table' and string.find(value.err, 'WRONGTYPE', 1, true) then return nil end
  return value
end
`;

/** In {@link STORE}: only a pull whose lease is still there may store its value. */
export const COMPARE_LEASE = 'if tokens[i] == token then';

/** Replies of {@link LEASE} and {@link STORE} for one key that are neither a value nor null. */
export const REPLY = Object.freeze({
  /** The pull has the lease under its own token. */
  leased: 0,
  /** The server has the key. The value is not in the reply: it is not wanted, long, or not a string. */
  there: 1,
  /** The server has stored the value of the pull. */
  stored: 2,
});

/** Lengths of values that are not in the reply of {@link READ}. */
export const UNREAD = Object.freeze({ otherType: -1, long: -2 });

/**
 * At the new owner: takes the lease of each key that is not there. If another pull has the lease, both share its
 * token. A write takes the lease away from both.
 *
 * ARGV: head, token, length of the longest value to return, or -1 for no values.
 * Reply per key: a value, a number of {@link REPLY}, or a list with the shared token.
 */
export const LEASE = `${CHECK_RECORD}${READ_STRING}
local maxBytes = tonumber(ARGV[3])
local reply = {}
local count = redis.call('EXISTS', unpack(KEYS))
for i = 1, #KEYS do
  local key = KEYS[i]
  local answer = ${REPLY.leased}
  if count > 0 and redis.call('EXISTS', key) == 1 then
    answer = ${REPLY.there}
    if maxBytes >= 0 then
      local value = readString(key, maxBytes)
      if type(value) == 'table' then return value end
      if value and #value <= maxBytes then answer = value end
    end
  else
    local lease = '${LEASE_PREFIX}' .. key
    if not redis.call('SET', lease, ARGV[2], 'NX', 'PX', ${LEASE_MS}) then
      answer = { redis.call('GET', lease) }
      redis.call('PEXPIRE', lease, ${LEASE_MS})
    end
  end
  reply[i] = answer
end
return reply
`;

/**
 * At the previous owner: reads values and their remaining times.
 *
 * ARGV: head, length of the longest value to return, number of bytes after which the rest of the keys is left out.
 * Reply: for each key the reply to PTTL, and the length of its value or a number of {@link UNREAD}; then all values in
 * one string, because a client needs more time for many short strings.
 */
export const READ = `${CHECK_RECORD}${READ_STRING}
local maxBytes, budget = tonumber(ARGV[2]), tonumber(ARGV[3])
local lengths, values = {}, {}
for i = 1, #KEYS do
  local value = readString(KEYS[i], maxBytes)
  if type(value) == 'table' then return value end
  local length
  if not value then
    length = ${UNREAD.otherType}
  elseif #value > maxBytes then
    length = ${UNREAD.long}
  else
    length = #value
    budget = budget - length
    values[#values + 1] = value
  end
  lengths[#lengths + 1] = redis.call('PTTL', KEYS[i])
  lengths[#lengths + 1] = length
  if budget <= 0 then break end
end
return { lengths, table.concat(values) }
`;

/**
 * At the new owner: gives back leases, and stores the values of the leases that are still there.
 *
 * ARGV: head, length of the longest value to return, or -1 for no values, all values in one string, token, and for each
 * key: another token or nothing, remaining milliseconds (0: the key never expires, empty: the previous owner has no
 * value), length of the value.
 * Reply per key: a value, a number of {@link REPLY}, or null if the server has no value.
 */
export const STORE = `${CHECK_RECORD}${READ_STRING}
local maxBytes = tonumber(ARGV[2])
local leases = {}
for i = 1, #KEYS do leases[i] = '${LEASE_PREFIX}' .. KEYS[i] end
local tokens = redis.call('MGET', unpack(leases))
local reply, used = {}, {}
local position = 1
for i = 1, #KEYS do
  local key, token, ttl = KEYS[i], ARGV[3 * i + 2], ARGV[3 * i + 3]
  local last = position + ARGV[3 * i + 4] - 1
  local value = string.sub(ARGV[3], position, last)
  position = last + 1
  if token == '' then token = ARGV[4] end
  local answer = false
  ${COMPARE_LEASE}
    if ttl == '0' then
      answer = redis.call('SET', key, value, 'NX')
    elseif ttl ~= '' then
      answer = redis.call('SET', key, value, 'NX', 'PX', ttl)
    end
    used[#used + 1] = leases[i]
  end
  if answer then
    answer = ${REPLY.stored}
  elseif redis.call('EXISTS', key) == 1 then
    answer = ${REPLY.there}
    if maxBytes >= 0 then
      local present = readString(key, maxBytes)
      if type(present) == 'table' then return present end
      if present and #present <= maxBytes then answer = present end
    end
  end
  reply[i] = answer
end
if #used > 0 then redis.call('UNLINK', unpack(used)) end
return reply
`;

/**
 * At the new owner: like {@link STORE} for one long value, which was stored under a temporary key before. A script
 * with the value as an argument would copy it several times.
 *
 * KEYS: key, temporary key. ARGV: head, token, remaining milliseconds (0: the key never expires, empty: the value has
 * expired).
 * Reply: a number of {@link REPLY}, or -1 if the server has no value.
 */
export const STORE_STAGED = `
if redis.call('GETRANGE', '${TOPOLOGY_KEY}', 0, #ARGV[1] - 1) ~= ARGV[1] then
  redis.call('UNLINK', KEYS[2])
  return false
end
local lease = '${LEASE_PREFIX}' .. KEYS[1]
local isStored = false
if redis.call('GET', lease) == ARGV[2] then
  if ARGV[3] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
    isStored = redis.call('RENAMENX', KEYS[2], KEYS[1]) == 1
  end
  redis.call('UNLINK', lease)
end
if isStored then
  if ARGV[3] == '0' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
  return ${REPLY.stored}
end
redis.call('UNLINK', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 1 then return ${REPLY.there} end
return -1
`;

/**
 * ARGV[1] is the beginning of the record under which the caller acts, or empty if the server must not hold a record. If
 * the server holds another one, the script does nothing.
 */
export const CHECK_RECORD_OR_NONE = `
if ARGV[1] == '' then
  if redis.call('EXISTS', '${TOPOLOGY_KEY}') == 1 then return false end
elseif redis.call('GETRANGE', '${TOPOLOGY_KEY}', 0, #ARGV[1] - 1) ~= ARGV[1] then
  return false
end
`;

/**
 * Removes keys that hold strings.
 *
 * Reply: number of removed keys, and number of keys of other types.
 */
export const REMOVE = `${CHECK_RECORD_OR_NONE}
local strings, others = {}, 0
for i = 1, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind == 'string' then
    strings[#strings + 1] = KEYS[i]
  elseif kind ~= 'none' then
    others = others + 1
  end
end
if #strings == 0 then return { 0, others } end
return { redis.call('UNLINK', unpack(strings)), others }
`;
