import { INITIAL_VALUE, type JudgedConfig, type JudgedState, NONE, OLD_VALUE, UNJUDGED } from '../judge.js';

/**
 * The state of the membership model: one key, two servers, and everybody who acts on them. {@link model} in model.ts
 * says what is modelled.
 */

/** Parts of the protocol that can be left out, to see that they are necessary. */
export const PARTS = [
  /** A reply counts only if no push has come since the record was read on the connection. */
  'fence',
  /** A write between two rings takes the lease away. */
  'lease',
  /** The store step of a pull compares the lease. */
  'cas',
  /** A write between two rings removes at `from` before it writes at `to`. */
  'order',
  /** A read between two rings is answered from `to`, where it first brings what is missing. */
  'pull',
  /** A process that finds a server without a record asks the other servers. */
  'ask',
  /** A process acts under a moving record only after it has seen it on a second server. */
  'witness',
  /** The scripts at `to` compare the record: lease and store. */
  'check at to',
  /** The scripts at `from` compare the record: the operator's reading and the drop. */
  'check at from',
  /** The scripts that sweep compare the record. */
  'check of sweep',
  /** A superseded write removes the key where it may have written. */
  'clean',
  /** Before a change, the operator removes keys from nodes that do not own them. */
  'sweep',
  /** Before it settles, the operator looks whether all servers still hold the moving record. */
  'confirm',
] as const;
export type Part = (typeof PARTS)[number];

export interface Config extends JudgedConfig {
  /** Each operator wants the key on this server. They start in any order, compete, and may stop anywhere. */
  readonly operators: readonly Server[];
  /** How many values may vanish: by expiry or eviction. @default 0 */
  readonly expiries?: number;
  /** How many times a server may come back empty. @default 0 */
  readonly restarts?: number;
  /** Whether the second server begins with an old value, from a time when it owned the key. @default false */
  readonly hasOrphan?: boolean;
  /**
   * Whether clients open servers at any time, as the store does in the background, and not only when they need them.
   * @default false
   */
  readonly opensAnytime?: boolean;
  /** Parts to leave out. */
  readonly without?: readonly Part[];
}

export type Server = 0 | 1;
export const SERVERS: readonly Server[] = [0, 1];
/** The key's owner before the first change. */
export const FIRST = 0;
export const SECOND = 1;

/** No lease. */
export const NO_TOKEN = 0;
/** The process has to read the server's record before it acts there. */
export const UNKNOWN = -1;

export interface ServerState {
  value: number;
  /** Token of the lease. */
  lease: number;
  /** Epoch of the record; 0 without a record. */
  epoch: number;
}

/** The present command of a client. At which server it is executed depends on the epoch, see `serverOf`. */
export const CLIENT_STEPS = [
  'idle',
  'read',
  'write',
  'clean',
  'unlink',
  'unlease',
  'lease',
  'fetch',
  'store',
  'drop',
] as const;
export type ClientStep = (typeof CLIENT_STEPS)[number];

export interface ClientState {
  /** The present operation is the one with this index. */
  index: number;
  step: ClientStep;
  /** Whether the command is on its way: the server executes it in a later step. */
  isSent: boolean;
  /** The epoch that it acts under. */
  epoch: number;
  /** For each server the epoch of its record, as read on the present connection, if no push has come since. */
  known: readonly [number, number];
  /** A record that it is about to write to a server that has none; 0 if there is no such record. */
  raising: number;
  /** Servers on which it has seen a moving record that it acts under: bit 0 and bit 1. */
  seen: number;
  /** Token of its lease. */
  token: number;
  /** The value that it has fetched from the previous owner, or that it will return after the drop. */
  fetched: number;
  /** Servers where a superseded write may have stored its value: bit 0 and bit 1. */
  dirty: number;
  /** See judge.ts. */
  mark: number;
}

export const OPERATOR_STEPS = [
  'start',
  'sweep',
  'decide',
  'spread',
  'lease',
  'fetch',
  'store',
  'drop',
  'confirm',
  'done',
] as const;
export type OperatorStep = (typeof OPERATOR_STEPS)[number];

export interface OperatorState {
  step: OperatorStep;
  /** The epoch that it acts under. */
  epoch: number;
  /** Servers that it has given the record: bit 0 and bit 1. */
  told: number;
  token: number;
  fetched: number;
}

export interface State extends JudgedState {
  /** The newest epoch that the register has decided. */
  decided: number;
  expiries: number;
  restarts: number;
  readonly servers: readonly [ServerState, ServerState];
  readonly clients: readonly ClientState[];
  readonly operators: readonly OperatorState[];
}

export function initialState(config: Config): State {
  const { clients, operators, expiries = 0, restarts = 0, hasOrphan = false } = config;
  return {
    decided: 0,
    expiries,
    restarts,
    servers: [
      { value: INITIAL_VALUE, lease: NO_TOKEN, epoch: 0 },
      { value: hasOrphan ? OLD_VALUE : NONE, lease: NO_TOKEN, epoch: 0 },
    ],
    clients: clients.map(() => ({
      index: 0,
      step: 'idle',
      isSent: false,
      epoch: 0,
      known: [0, 0],
      raising: 0,
      seen: 0,
      token: NO_TOKEN,
      fetched: NONE,
      dirty: 0,
      mark: 0,
    })),
    operators: operators.map(() => ({ step: 'start', epoch: 0, told: 0, token: NO_TOKEN, fetched: NONE })),
    ...UNJUDGED,
  };
}

/** The search spends most of its time here. Plain copies of flat objects are fast. */
export function copyOf(state: State): State {
  const [first, second] = state.servers;
  const clients: ClientState[] = [];
  for (const client of state.clients) clients.push({ ...client });
  const operators: OperatorState[] = [];
  for (const operator of state.operators) operators.push({ ...operator });
  return { ...state, servers: [{ ...first }, { ...second }], clients, operators };
}

/** Notes what a client knows of a server's record. The pair is never changed, because copies of the client share it. */
export function setKnown(client: ClientState, at: Server, epoch: number): void {
  client.known = at === FIRST ? [epoch, client.known[1]] : [client.known[0], epoch];
}

export function encode(state: State): string {
  const codes = [state.decided, state.expiries, state.restarts, state.ended, state.outdated];
  for (const { value, lease, epoch } of state.servers) codes.push(value + 1, lease, epoch);
  for (const client of state.clients) {
    codes.push(
      client.index * 2 + Number(client.isSent),
      CLIENT_STEPS.indexOf(client.step) * 4 + client.seen,
      client.epoch,
      (client.known[0] + 1) * 16 + client.known[1] + 1,
      client.raising * 16 + client.token,
      (client.fetched + 1) * 4 + client.dirty,
      client.mark,
    );
  }
  for (const { step, epoch, told, token, fetched } of state.operators) {
    codes.push(OPERATOR_STEPS.indexOf(step) * 4 + told, epoch, token, fetched + 1);
  }
  return String.fromCharCode(...codes);
}

/** Even epochs are settled. The key belongs to the first server, then to the second one, then to the first one again. */
export const isMoving = (epoch: number) => epoch % 2 === 1;

/** The owner; between two rings, the new one. */
export const ownerOf = (epoch: number): Server => (Math.ceil(epoch / 2) % 2 === 0 ? FIRST : SECOND);

/** A set of servers with one element. */
export const bit = (server: Server) => 1 << server;
export const BOTH = 0b11;

export const otherThan = (server: Server): Server => (server === FIRST ? SECOND : FIRST);

/** A token that nobody has. Tokens are as small as possible, so that states repeat. */
export function freshToken(state: State): number {
  const used = [...state.servers.map(({ lease }) => lease), ...state.clients.map(({ token }) => token)];
  used.push(...state.operators.map(({ token }) => token));
  let token = NO_TOKEN + 1;
  while (used.includes(token)) token += 1;
  return token;
}

/** Gives a server a record, unless it holds one that is as new. Tracked connections get a push. */
export function raise(state: State, at: Server, epoch: number): void {
  const server = state.servers[at];
  if (server.epoch >= epoch) return;
  server.epoch = epoch;
  for (const client of state.clients) setKnown(client, at, UNKNOWN);
}
