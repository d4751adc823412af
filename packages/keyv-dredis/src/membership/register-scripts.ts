import { PARSE_HEAD } from './record-scripts.js';

/*
 * Scripts of the voters. The state of a voter is JSON: `incarnation`, `run` (the `run_id` of the server that wrote the
 * state), `voting`, and for the present `epoch` of a `cache` the ballots `promised` and `accepted` with the accepted
 * `value`. The state is text and not a hash, so that an operator needs only GET and SET.
 *
 * KEYS: record, state of the voter. ARGV[1]: epoch to decide. ARGV[2]: id of the cache, or '' if it has none yet.
 */

/** Replies with the record on this server if it shows that the epoch is decided, or that it is not the caller's. */
const RETURN_IF_DECIDED = `${PARSE_HEAD}
local asked = tonumber(ARGV[1])
local held = redis.call('GET', KEYS[1])
if held then
  local epoch, cache = parseHead(held)
  if epoch == nil or cache ~= ARGV[2] or epoch >= asked then return {'decided', held} end
end`;

/**
 * Reads the state. A server that restarted may have loaded an old state, and must not vote with it, because it may
 * have forgotten what it promised. Servers that do not tell their \`run_id\` are trusted.
 */
const LOAD = `
local function currentRun()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end
local function load()
  local text = redis.call('GET', KEYS[2])
  local state = text and cjson.decode(text)
  return state, state and state.run == currentRun()
end
local function isInstance(state)
  return state.epoch == asked and state.cache == ARGV[2]
end
local function save(state)
  redis.call('SET', KEYS[2], cjson.encode(state))
end`;

/**
 * Phase 1 of Paxos: promises to ignore lower ballots, and replies with the accepted value. A voter that has lost its
 * state gets a new incarnation, and replies 'blank': it makes no promise until INITIALISE. What it still knows is
 * useful to the caller, because each accepted value was once proposed.
 *
 * ARGV[3]: ballot. ARGV[4]: incarnation for a voter that has lost its state.
 */
export const PREPARE = `${RETURN_IF_DECIDED}${LOAD}
local state, isComplete = load()
if not isComplete then
  state = state or {epoch = 0, cache = '', promised = '', accepted = '', value = ''}
  state.incarnation, state.run, state.voting = ARGV[4], currentRun(), false
end
if state.epoch > asked then return {'later', tostring(state.epoch)} end
if state.epoch < asked or state.cache ~= ARGV[2] then
  state.epoch, state.cache, state.promised, state.accepted, state.value = asked, ARGV[2], '', '', ''
end
if state.voting and ARGV[3] <= state.promised then return {'outbid', state.promised} end
if state.voting then state.promised = ARGV[3] end
save(state)
return {state.voting and 'promised' or 'blank', state.incarnation, state.accepted, state.value}`;

/**
 * Lets a voter vote again that has lost its state. After the voter had lost its state, the caller has prepared a majority
 * of the other voters with this ballot, so it knows each value that the voter may have accepted before. If the voter has
 * lost its state again meanwhile, its incarnation differs, and it stays blank.
 *
 * ARGV[3]: ballot. ARGV[4]: incarnation. ARGV[5]: ballot of the accepted value, or ''. ARGV[6]: accepted value, or ''.
 */
export const INITIALISE = `${RETURN_IF_DECIDED}${LOAD}
local state, isComplete = load()
if not isComplete or state.voting or state.incarnation ~= ARGV[4] or not isInstance(state) then
  return {'refused', ''}
end
state.voting, state.promised, state.accepted, state.value = true, ARGV[3], ARGV[5], ARGV[6]
save(state)
return {'promised', state.incarnation, state.accepted, state.value}`;

/**
 * Phase 2 of Paxos: accepts the value of the ballot that was promised last. A voter that has lost its state since it
 * made the promise has promised another ballot, or is blank.
 *
 * ARGV[3]: ballot. ARGV[4]: value.
 */
export const ACCEPT = `${RETURN_IF_DECIDED}${LOAD}
local state, isComplete = load()
if not isComplete or not state.voting or not isInstance(state) then return {'refused', ''} end
if state.promised ~= ARGV[3] then return {'outbid', state.promised} end
state.accepted, state.value = ARGV[3], ARGV[4]
save(state)
return {'accepted', ''}`;
