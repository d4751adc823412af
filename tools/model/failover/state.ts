import { INITIAL_VALUE, type JudgedConfig, type JudgedState, NONE, OLD_VALUE, UNJUDGED } from '../judge.js';

/**
 * The state of the failover model: one key, three servers, and everybody who acts on them. {@link failoverModel} in
 * model.ts says what is modelled.
 */

/** Parts of the protocol that can be left out, to see that they are necessary. */
export const PARTS = [
  /** A reply counts only if no push has come, or if the record turns out to be the same when it is read again. */
  'fence',
  /** A client sends commands only while it holds the time lease. */
  'time lease',
  /** A node is away only when the leases that were granted before most voters held `leaving` are over. */
  'wait',
  /** A time lease counts only under the record under which it was granted. */
  'witness',
  /** A server that comes back gets the newest record of the other servers. */
  'ask',
  /** It asks all others. Without this part, one answer is enough. */
  'ask all',
  /** Before a node is away, the servers that take over are swept of keys that they do not own. */
  'sweep',
  /** A write while the node is away adds the key's name to the log first. */
  'log',
  /** The log counts only with the base of this outage and of this run of the server. */
  'base',
  /** The base is written only on a server that holds `leaving`. */
  'check of base',
  /** Nobody serves the key while the last names of the log are swept: `returning`. */
  'closing',
  /** The names in the log are removed at the node that returns. */
  'sweep back',
  /** The sweep in `returning` removes all names in the log, and not only those that an earlier sweep has not removed. */
  'whole log',
  /** A process that connects to a node again first ends its old connection there. */
  'drop own',
  /** In `returning`, before the sweep, the connections of all processes to the node are ended. */
  'drop others',
] as const;
export type Part = (typeof PARTS)[number];

export interface Config extends JudgedConfig {
  /** How many times Y is lost: from any phase in which it is in the ring, or returns. @default 1 */
  readonly losses?: number;
  /** How many times a process objects while Y is leaving. @default 0 */
  readonly objections?: number;
  /** How many values may vanish: by expiry or eviction. @default 0 */
  readonly expiries?: number;
  /** How many times a server may come back empty. @default 0 */
  readonly restarts?: number;
  /** How many times a server may come back with an earlier record and log, and without its values. @default 0 */
  readonly rollbacks?: number;
  /** How many times a server may be flushed, without a restart. @default 0 */
  readonly flushes?: number;
  /** Which servers restart or are flushed. @default only Z */
  readonly unstable?: readonly Server[];
  /** How many times a server announces a change of its record although the record is the same. @default 0 */
  readonly announcements?: number;
  /** How many times a process loses its connection to Y while a command is on its way. @default 0 */
  readonly disconnections?: number;
  /** Whether Z begins with an old value, from a time when it owned the key. @default false */
  readonly hasOrphan?: boolean;
  /**
   * Whether clients follow the record also between two operations, as the store does in the background.
   * @default false
   */
  readonly opensAnytime?: boolean;
  /** Parts to leave out. */
  readonly without?: readonly Part[];
}

export type Server = 0 | 1 | 2;
/** The key's owner. It goes away and returns. */
export const Y = 0;
/** The key's owner while Y is away. */
export const Z = 1;
/** Has a vote and no keys. */
export const X = 2;
export const SERVERS: readonly Server[] = [Y, Z, X];
export const NAMES = ['Y', 'Z', 'X'] as const;

/** No lease of a pull. */
export const NO_TOKEN = 0;

/** What a record says about Y. */
export const PHASES = [
  'in',
  'leaving',
  /** Y goes away again while keys move back to it. */
  'leaving while moving',
  'away',
  'returning',
  'moving',
] as const;
export type Phase = (typeof PHASES)[number];

export interface ServerState {
  value: number;
  /** Token of the lease of a pull. */
  lease: number;
  epoch: number;
  /** It has come back, and no process has asked the other servers for the newest record since. */
  isNew: boolean;
}

/** The log of what Y misses, on Z. Never changed, because copies of the state share it. */
export interface Log {
  /** The epoch of the outage that the base names; 0 without a base. */
  readonly outage: number;
  /** The run of Z in which the base was written. */
  readonly run: number;
  /** Whether the log has the key's name. */
  readonly hasName: boolean;
}

export const NO_LOG: Log = { outage: 0, run: 0, hasName: false };

export interface Snapshot {
  readonly server: Server;
  readonly epoch: number;
  readonly log: Log;
}

/** The present command of a client. At which server it is executed depends on the phase, see `serverOf`. */
export const CLIENT_STEPS = [
  'idle',
  'wait',
  'read',
  'log',
  'write',
  'unlink',
  'unlease',
  'lease',
  'fetch',
  'store',
  'drop',
] as const;
export type ClientStep = (typeof CLIENT_STEPS)[number];

/** A command as it was sent. Never changed, because copies of the state share it. */
export interface Command {
  readonly step: ClientStep;
  /** Scripts compare the record. */
  readonly epoch: number;
  /** The value that it writes; NONE if it removes the value. */
  readonly value: number;
  /** Token of the lease that it compares. */
  readonly token: number;
}

export interface ClientState {
  /** The present operation is the one with this index. */
  index: number;
  step: ClientStep;
  /** Whether the command is on its way: the server executes it in a later step. */
  isSent: boolean;
  /** Whether the reply has come after a push, so that the record has to be read again. */
  isInDoubt: boolean;
  /** The reply that is in doubt. */
  reply: number;
  /** The epoch that it acts under. */
  epoch: number;
  /** Servers whose record is that of its epoch, as read on the present connection, if no push has come since. Bits. */
  known: number;
  /** Servers that grant it the time lease. Bits. */
  grants: number;
  /** The same, for replies to what was sent before most voters held `leaving`. */
  oldGrants: number;
  /** A server that has come back, and the record that it is going to get there; NONE if there is no such record. */
  raisingAt: Server;
  raising: number;
  /** Token of its lease. */
  token: number;
  /** The value that it has fetched from the previous owner, or that it will return after the drop. */
  fetched: number;
  /** What Y may still execute, because it was sent on a connection that the process has lost. */
  late: Command | undefined;
  /** See judge.ts. */
  mark: number;
}

export const MOVER_STEPS = ['lease', 'fetch', 'store', 'drop', 'done'] as const;
export type MoverStep = (typeof MOVER_STEPS)[number];

export const SWEEP_STEPS = ['drop others', 'read log', 'remove', 'done'] as const;
export type SweepStep = (typeof SWEEP_STEPS)[number];

/** What operators have done in the newest epoch. Never changed, because copies of the state share it. */
export interface Work {
  /** Most voters have held the record. */
  readonly isSpread: boolean;
  /** Z was swept of keys that it does not own. */
  readonly isSwept: boolean;
  /** Z has got the base of the log. */
  readonly hasBase: boolean;
  readonly sweep: SweepStep;
  readonly moverStep: MoverStep;
  readonly moverToken: number;
  readonly moverFetched: number;
}

const NOTHING_DONE: Work = {
  isSpread: false,
  isSwept: false,
  hasBase: false,
  sweep: 'drop others',
  moverStep: 'lease',
  moverToken: NO_TOKEN,
  moverFetched: NONE,
};

/** How many events may still happen. Never changed, because copies of the state share it. */
export type Left = Readonly<Record<Incident, number>>;
export type Incident =
  | 'losses'
  | 'objections'
  | 'expiries'
  | 'restarts'
  | 'rollbacks'
  | 'flushes'
  | 'announcements'
  | 'disconnections';

export interface State extends JudgedState {
  /** What was decided, by epoch. Never changed, because copies of the state share it. */
  phases: readonly Phase[];
  work: Work;
  /** Whether Y was swept of the name in the log while it was away. */
  isSweptEarly: boolean;
  readonly servers: readonly [ServerState, ServerState, ServerState];
  log: Log;
  /** The run of Z. */
  run: number;
  snapshot: Snapshot | undefined;
  readonly clients: readonly ClientState[];
  left: Left;
}

export function initialState(config: Config): State {
  const { clients, losses = 1, objections = 0, expiries = 0, restarts = 0 } = config;
  const { rollbacks = 0, flushes = 0, announcements = 0, disconnections = 0, hasOrphan = false } = config;
  const server = (value: number) => ({ value, lease: NO_TOKEN, epoch: 0, isNew: false });
  return {
    phases: ['in'],
    work: NOTHING_DONE,
    isSweptEarly: false,
    servers: [server(INITIAL_VALUE), server(hasOrphan ? OLD_VALUE : NONE), server(NONE)],
    log: NO_LOG,
    run: 0,
    snapshot: undefined,
    clients: clients.map(() => ({
      index: 0,
      step: 'idle',
      isSent: false,
      isInDoubt: false,
      reply: NONE,
      epoch: 0,
      known: ALL,
      grants: ALL,
      oldGrants: 0,
      raisingAt: Z,
      raising: NONE,
      token: NO_TOKEN,
      fetched: NONE,
      late: undefined,
      mark: 0,
    })),
    left: { losses, objections, expiries, restarts, rollbacks, flushes, announcements, disconnections },
    ...UNJUDGED,
  };
}

/** The search spends most of its time here. Plain copies of flat objects are fast. */
export function copyOf(state: State): State {
  const [first, second, third] = state.servers;
  const clients: ClientState[] = [];
  for (const client of state.clients) clients.push({ ...client });
  return { ...state, servers: [{ ...first }, { ...second }, { ...third }], clients };
}

export function encode(state: State): string {
  const { phases, log, snapshot, left, work } = state;
  const codes = [left.losses + 4 * left.objections + 16 * left.expiries, state.ended, state.outdated];
  codes.push(left.restarts + 4 * left.rollbacks + 16 * left.flushes + 64 * left.announcements);
  codes.push(Number(work.isSpread) + 2 * Number(work.isSwept) + 4 * Number(work.hasBase));
  codes.push(SWEEP_STEPS.indexOf(work.sweep) * 2 + Number(state.isSweptEarly), left.disconnections);
  codes.push(MOVER_STEPS.indexOf(work.moverStep), work.moverToken, work.moverFetched + 1);
  codes.push(state.run * 2 + Number(log.hasName), log.outage * 4 + log.run);
  codes.push(snapshot === undefined ? 0 : 1 + snapshot.server + 4 * snapshot.epoch);
  if (snapshot !== undefined)
    codes.push(snapshot.log.outage * 8 + snapshot.log.run * 2 + Number(snapshot.log.hasName));
  for (const { value, lease, epoch, isNew } of state.servers) {
    codes.push(value + 1, lease, epoch * 2 + Number(isNew));
  }
  for (const client of state.clients) {
    codes.push(
      client.index * 4 + Number(client.isSent) * 2 + Number(client.isInDoubt),
      CLIENT_STEPS.indexOf(client.step),
      client.reply + 1,
      client.epoch,
      client.known + 8 * client.grants,
      client.oldGrants,
      (client.raising + 1) * 4 + client.raisingAt,
      client.token,
      client.fetched + 1,
      client.mark,
    );
    const { late } = client;
    if (late === undefined) codes.push(0);
    else codes.push(1 + CLIENT_STEPS.indexOf(late.step), late.epoch, late.value + 1, late.token);
  }
  for (const phase of phases) codes.push(PHASES.indexOf(phase));
  return String.fromCharCode(...codes);
}

/** Some servers, as bits. */
export const bit = (server: Server) => 1 << server;
export const ALL = 0b111;

/** Begins the next epoch. */
export function addPhase(state: State, phase: Phase): void {
  state.phases = [...state.phases, phase];
  state.work = NOTHING_DONE;
}

/** One of the events has happened that may happen only a few times. */
export function use(state: State, incident: Incident): void {
  state.left = { ...state.left, [incident]: state.left[incident] - 1 };
}

/** The newest epoch. */
export const newestEpoch = ({ phases }: State) => phases.length - 1;
export const newestPhase = ({ phases }: State) => phases.at(-1) as Phase;
export const phaseOf = ({ phases }: State, epoch: number) => phases[epoch] as Phase;

export const isLeaving = (phase: Phase) => phase === 'leaving' || phase === 'leaving while moving';

/** The epoch in which the present outage began. */
export const outageOf = ({ phases }: State) => phases.findLastIndex(isLeaving);

/** Nodes that are not away vote. */
const votersIn = (phase: Phase) => (phase === 'away' ? ALL & ~bit(Y) : ALL);

/** Whether some servers are a strict majority of the voters. With two voters and with three, that is two. */
export function isMajority(servers: number, phase: Phase): boolean {
  const voters = servers & votersIn(phase);
  return (voters & (voters - 1)) !== 0;
}

/** Servers that hold the newest record. */
export function holders({ servers, phases }: State): number {
  let bits = 0;
  for (const at of SERVERS) {
    const { epoch, isNew } = servers[at];
    if (epoch === phases.length - 1 && !isNew) bits |= bit(at);
  }
  return bits;
}

/** Gives a server a record, unless it holds one that is as new. Tracked connections get a push. */
export function raise(state: State, at: Server, epoch: number): void {
  const server = state.servers[at];
  server.isNew = false;
  if (server.epoch < epoch) {
    server.epoch = epoch;
    announce(state, at);
  }
  const phase = newestPhase(state);
  if (state.work.isSpread || !isMajority(holders(state), phase)) return;
  state.work = { ...state.work, isSpread: true };
  if (isLeaving(phase)) {
    for (const client of state.clients) {
      client.oldGrants |= client.grants;
      client.grants = 0;
    }
  }
}

/** A server announces that its record has changed. */
export function announce(state: State, at: Server): void {
  for (const client of state.clients) client.known &= ~bit(at);
}

/** A token that nobody has. Tokens are as small as possible, so that states repeat. */
export function freshToken({ servers, clients, work }: State): number {
  let token = NO_TOKEN + 1;
  const isUsed = () =>
    token === servers[Y].lease ||
    token === work.moverToken ||
    clients.some((client) => client.token === token || client.late?.token === token);
  while (isUsed()) token += 1;
  return token;
}
