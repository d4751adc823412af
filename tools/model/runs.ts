import { failoverModel } from './failover/model.js';
import { type Config as FailoverConfig, type Part as FailoverPart, X, Y, Z } from './failover/state.js';
import { membershipModel } from './membership/model.js';
import type { Config as MembershipConfig, Part as MembershipPart } from './membership/state.js';
import { registerModel } from './register/model.js';
import type { Config as RegisterConfig, Part as RegisterPart } from './register/state.js';
import { type SearchResult, search } from './search.js';
import {
  LAST_RECORD_IS_LOST,
  LOG_IS_LOST,
  ONLY_HOLDER_IS_EMPTY,
  TOLD_SERVER_IS_EMPTY,
  VOTER_IS_EMPTY_AGAIN,
  WRITE_IS_IN_FLIGHT,
  WRITE_IS_LATE,
  WRITE_IS_OVERWRITTEN_AT_Z,
  WRITE_IS_SENT_AFTER_AN_OBJECTION,
  WRITE_IS_SENT_TO_Z,
  Y_IS_AWAY,
  Y_IS_SWEPT_TOO_EARLY,
  Y_MISSES_A_WRITE,
  Y_MISSES_AN_UNLOGGED_WRITE,
} from './stories.js';

/** One search. If a part of the protocol is left out, the search must find a violation, else none. */
export interface Run {
  readonly name: string;
  readonly mustHold: boolean;
  search(maxStates: number): SearchResult;
}

/** One change: the key goes to the second server. */
const ONE_CHANGE = [1] as const;
/** Two operators, and the key goes back. The second operator finishes the first change if it is unfinished. */
const TWO_CHANGES = [1, 0] as const;
/** Two operators want the same. */
const COMPETING = [1, 1] as const;

/** Complete protocol, seconds. */
export const SMALL_RUNS: readonly Run[] = [
  membership({ clients: [['set'], ['get', 'get']], operators: ONE_CHANGE, expiries: 1 }),
  membership({ clients: [['delete', 'get'], ['get']], operators: ONE_CHANGE }),
  membership({ clients: [['set'], ['get']], operators: ONE_CHANGE, opensAnytime: true }),
  membership({ clients: [['set'], ['get']], operators: ONE_CHANGE, restarts: 1 }),
  membership({ clients: [['get', 'get']], operators: TWO_CHANGES, hasOrphan: true }),
  membership({ clients: [['set']], operators: COMPETING }),
  membership({ clients: [['get']], operators: TWO_CHANGES, judge: 'loss' }),
  membership({ clients: [['set'], ['get']], operators: ONE_CHANGE, judge: 'loss' }),
  failover({ clients: [['set'], ['get']] }, WRITE_IS_IN_FLIGHT),
  failover({ clients: [['set'], ['get']], restarts: 1 }, Y_MISSES_A_WRITE),
  failover({ clients: [['get']], losses: 2, objections: 1, hasOrphan: true }),
  failover({ clients: [['set', 'set'], ['get']], disconnections: 1 }, WRITE_IS_OVERWRITTEN_AT_Z),
  failover(
    { clients: [['set', 'set'], ['get']], objections: 1, disconnections: 1 },
    WRITE_IS_SENT_AFTER_AN_OBJECTION,
  ),
  register({ rounds: [2, 1] }),
  register({ rounds: [2, 1], restarts: 1 }),
  register({ rounds: [2, 1], restarts: 1, isFirst: true }),
];

/** The smallest runs that find what each part is for. */
export const NEGATIVE_CONTROLS: {
  readonly membership: Controls<MembershipPart>;
  readonly failover: Controls<FailoverPart>;
  readonly register: Controls<RegisterPart>;
} = {
  membership: {
    fence: without('fence', { clients: [['set'], ['get']] }),
    lease: without('lease', { clients: [['delete', 'get'], ['get']] }),
    cas: without('cas', { clients: [['delete', 'get'], ['get']] }),
    order: without('order', { clients: [['set'], ['get', 'get']], expiries: 1 }),
    pull: without('pull', { clients: [['set'], ['get', 'get']] }),
    ask: without('ask', { clients: [['set', 'get'], ['get']], restarts: 1 }),
    witness: without(
      'witness',
      {
        clients: [
          ['set', 'get'],
          ['get', 'set'],
        ],
        restarts: 1,
      },
      LAST_RECORD_IS_LOST,
    ),
    'check at to': without('check at to', { clients: [['set', 'get'], ['get']], expiries: 1 }),
    'check at from': without('check at from', {
      clients: [['get']],
      operators: TWO_CHANGES,
      judge: 'loss',
    }),
    'check of sweep': without('check of sweep', { clients: [['get']], operators: COMPETING, judge: 'loss' }),
    clean: without('clean', { clients: [['set', 'delete'], ['get']], operators: TWO_CHANGES }, WRITE_IS_LATE),
    sweep: without('sweep', { clients: [['get']], hasOrphan: true }),
    confirm: without(
      'confirm',
      { clients: [['set', 'get'], ['set']], restarts: 1, opensAnytime: true },
      TOLD_SERVER_IS_EMPTY,
    ),
  },
  failover: {
    fence: lacking('fence', {}, Y_IS_AWAY),
    'time lease': lacking('time lease', {}, Y_MISSES_A_WRITE),
    wait: lacking('wait', {}, Y_MISSES_A_WRITE),
    witness: lacking('witness', { restarts: 1 }, ONLY_HOLDER_IS_EMPTY),
    ask: lacking('ask', { restarts: 1 }, LOG_IS_LOST),
    'ask all': lacking('ask all', { restarts: 1 }, LOG_IS_LOST),
    sweep: lacking('sweep', { clients: [['get']], hasOrphan: true }),
    log: lacking('log', {}, Y_MISSES_AN_UNLOGGED_WRITE),
    base: lacking('base', { restarts: 1 }, LOG_IS_LOST),
    'check of base': lacking('check of base', { restarts: 1 }, LOG_IS_LOST),
    closing: lacking('closing', {}, Y_IS_AWAY),
    'sweep back': lacking('sweep back', {}, Y_MISSES_A_WRITE),
    'whole log': lacking('whole log', { clients: [['set', 'set'], ['set'], ['get']] }, Y_IS_SWEPT_TOO_EARLY),
    'drop own': lacking(
      'drop own',
      { clients: [['set', 'set'], ['get']], objections: 1, disconnections: 1 },
      WRITE_IS_SENT_AFTER_AN_OBJECTION,
    ),
    'drop others': lacking(
      'drop others',
      { clients: [['set', 'set'], ['get']], disconnections: 1 },
      WRITE_IS_OVERWRITTEN_AT_Z,
    ),
  },
  register: {
    promise: register({ rounds: [1, 1], without: ['promise'] }),
    adopt: register({ rounds: [1, 1], without: ['adopt'] }),
    copy: register({ rounds: [1, 1], restarts: 1, without: ['copy'] }),
    reread: register({ rounds: [1, 1], restarts: 1, without: ['reread'] }),
    incarnation: register({ rounds: [3, 3], restarts: 2, without: ['incarnation'] }, VOTER_IS_EMPTY_AGAIN),
  },
};

/** Complete protocol, minutes. */
export const LARGE_RUNS: readonly Run[] = [
  membership({ clients: [['set'], ['delete'], ['get', 'get']], operators: ONE_CHANGE, expiries: 1 }),
  membership({
    clients: [
      ['delete', 'set', 'delete'],
      ['get', 'get'],
    ],
    operators: ONE_CHANGE,
  }),
  membership({
    clients: [
      ['set', 'get'],
      ['get', 'set'],
    ],
    operators: ONE_CHANGE,
    restarts: 1,
  }),
  membership({ clients: [['set', 'get'], ['set']], operators: ONE_CHANGE, restarts: 1, opensAnytime: true }),
  membership({ clients: [['set'], ['get']], operators: COMPETING, restarts: 1 }),
  membership({ clients: [['set'], ['get']], operators: TWO_CHANGES, opensAnytime: true }),
  membership({ clients: [['set', 'delete'], ['get']], operators: TWO_CHANGES }),
  membership({ clients: [['set'], ['get']], operators: TWO_CHANGES, judge: 'loss' }),
  failover({ clients: [['set'], ['get']] }),
  failover({ clients: [['set'], ['get']], losses: 2 }),
  failover({ clients: [['set'], ['get']], restarts: 1 }),
  failover({ clients: [['set'], ['get']], rollbacks: 1 }),
  failover({ clients: [['set'], ['get']], restarts: 1, unstable: [Y] }),
  failover({ clients: [['set'], ['get']], restarts: 1, unstable: [X] }),
  failover({ clients: [['set'], ['get']], flushes: 1, unstable: [Y, Z] }),
  failover({ clients: [['set'], ['get']], expiries: 1 }),
  failover({ clients: [['set'], ['get']], announcements: 1 }),
  failover({ clients: [['set'], ['get']], objections: 1, hasOrphan: true }),
  failover({ clients: [['set', 'set'], ['get']], objections: 1, disconnections: 1 }),
  failover({ clients: [['set', 'delete'], ['get']], disconnections: 2 }),
  failover({ clients: [['set'], ['set'], ['get']], disconnections: 1 }, WRITE_IS_SENT_TO_Z),
  failover({ clients: [['set', 'set'], ['get']], losses: 2, disconnections: 1 }, WRITE_IS_SENT_TO_Z),
  failover({ clients: [['set', 'set'], ['get']], restarts: 1, disconnections: 1 }, WRITE_IS_SENT_TO_Z),
  failover({ clients: [['delete', 'set'], ['get']] }),
  failover({ clients: [['set'], ['get']], losses: 2, restarts: 1, rollbacks: 1 }, Y_MISSES_A_WRITE),
  register({ rounds: [2, 2], restarts: 2 }),
  register({ rounds: [2, 2], restarts: 2, isFirst: true }),
];

type Controls<Part extends string> = Readonly<Record<Part, Run>>;

function without(
  part: MembershipPart,
  config: Omit<MembershipConfig, 'operators'> & Partial<MembershipConfig>,
  story?: readonly string[],
): Run {
  return membership({ operators: ONE_CHANGE, ...config, without: [part] }, story);
}

function membership(config: MembershipConfig, story?: readonly string[]): Run {
  return {
    name: `membership ${JSON.stringify(config)}`,
    mustHold: config.without === undefined,
    search: (maxStates) => search(membershipModel(config), maxStates, story),
  };
}

function lacking(part: FailoverPart, config: Partial<FailoverConfig>, story?: readonly string[]): Run {
  return failover({ clients: [['set'], ['get']], ...config, without: [part] }, story);
}

function failover(config: FailoverConfig, story?: readonly string[]): Run {
  return {
    name: `failover ${JSON.stringify(config)}${story === undefined ? '' : ' after a story'}`,
    mustHold: config.without === undefined,
    search: (maxStates) => search(failoverModel(config), maxStates, story),
  };
}

function register(config: RegisterConfig, story?: readonly string[]): Run {
  return {
    name: `register ${JSON.stringify(config)}`,
    mustHold: config.without === undefined,
    search: (maxStates) => search(registerModel(config), maxStates, story),
  };
}
