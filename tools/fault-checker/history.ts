/**
 * A history consists of the entries that a run records and the checker reads. Times are milliseconds from
 * clock.ts.
 */
import { type Mode, settingsOf } from './modes.js';

/** Values of the store's `restartPolicy` option. */
export const RESTART_POLICIES = ['keep', 'purge'] as const;
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

export const NODE_STATES = ['up', 'suspect', 'down', 'returning'] as const;
export type NodeState = (typeof NODE_STATES)[number];

/** States of a node in the topology record. A node without a state is in. */
export type RecordedState = 'leaving' | 'away' | 'returning';

export const SERVER_FAULTS = ['freeze', 'kill', 'restart', 'rollback', 'forget', 'flush'] as const;
export type ServerFault = (typeof SERVER_FAULTS)[number];
export const NETWORK_FAULTS = ['cut', 'blackhole', 'mute', 'deaf', 'delay', 'reset', 'truncate'] as const;
/** A worker process that stands still. */
export const PAUSE = 'pause';
export const FAULT_KINDS = [...SERVER_FAULTS, ...NETWORK_FAULTS, PAUSE] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Ways to change the topology. */
export const CHANGES = ['add', 'remove', 'weight', 'resume'] as const;
export type ChangeKind = (typeof CHANGES)[number];

/** First entry: the run's settings, which determine the rules. */
export interface RunEntry {
  readonly type: 'run';
  readonly seed: string;
  readonly mode: Mode;
  readonly restartPolicy: RestartPolicy;
  readonly commandTimeoutMs: number;
  readonly nodes: readonly string[];
  /** How fast each worker process's clock runs, by process name. 1 is right, and the default. */
  readonly clockRates: Readonly<Record<string, number>>;
  readonly startedAt: number;
}

/** The name of the call that reads all keys at the end. */
export const FINAL_READ = 'finalRead';

export type Action = 'read' | 'has' | 'set' | 'delete' | 'clear';

/**
 * How an operation completed:
 * - `ok`: a read returned a value, a write returned true, or a clear() resolved
 * - `false`: a write returned false
 * - `miss`: a read returned no value
 * - `error`: the call rejected
 * - `pending`: the call has not completed; `completedAt` is when the recording ended
 */
export type Outcome = 'ok' | 'false' | 'miss' | 'error' | 'pending';

/** The part of a call that concerns one key, or a clear(). */
export interface OperationEntry {
  readonly type: 'operation';
  readonly client: string;
  /** Name of the store's method. */
  readonly call: string;
  readonly action: Action;
  /** Undefined for clear(), which affects all keys. */
  readonly key?: string | undefined;
  /** The written value, or the value that was read. Every written value is unique. */
  readonly value?: string | undefined;
  readonly invokedAt: number;
  readonly completedAt: number;
  readonly outcome: Outcome;
  /** The error's code, or its stack if it has no code. */
  readonly error?: string | undefined;
  /** The nodes that clear() did not reach. */
  readonly failedNodes?: readonly string[] | undefined;
  /** Event loop delay in the client's process during the call. */
  readonly eventLoopDelayMs: number;
}

/** A change in a node view. */
export interface StateEntry {
  readonly type: 'state';
  readonly client: string;
  readonly node: string;
  readonly state: NodeState;
  readonly at: number;
}

/** A fault that the nemesis injected. */
export interface FaultEntry {
  readonly type: 'fault';
  readonly kind: FaultKind;
  /** Empty for a fault of a process. */
  readonly nodes: readonly string[];
  /** The process that stood still, or whose network had the fault; undefined for a fault of a server. */
  readonly process?: string | undefined;
  readonly from: number;
  readonly to: number;
}

/**
 * How a change of the topology ended:
 * - `done`: the topology is as wanted
 * - `lost`: another operator was first
 * - `incomplete`: the operator gave up, because of a fault
 * - `refused`: the checks before the change have failed
 * - `killed`: the nemesis has killed the operator
 * - `crashed`: the operator has thrown another error
 */
export type ChangeOutcome = 'done' | 'lost' | 'incomplete' | 'refused' | 'killed' | 'crashed';

/** A change of the topology by an operator process. */
export interface ChangeEntry {
  readonly type: 'change';
  readonly operator: string;
  readonly kind: ChangeKind;
  readonly from: number;
  readonly to: number;
  readonly outcome: ChangeOutcome;
  /** The epoch at the end. */
  readonly epoch?: number | undefined;
  /** Nodes and weights that the change leads to. */
  readonly target?: string | undefined;
  /** The period in which the nemesis has stopped the operator with SIGSTOP. */
  readonly pausedFrom?: number | undefined;
  readonly pausedTo?: number | undefined;
  readonly error?: string | undefined;
}

/** A client uses a new topology. */
export interface TopologyEntry {
  readonly type: 'topology';
  readonly client: string;
  readonly epoch: number;
  readonly phase: 'settled' | 'moving';
  readonly fingerprint: string;
  readonly nodes: readonly string[];
  /** The nodes that are not in. */
  readonly states: Readonly<Record<string, RecordedState>>;
  readonly at: number;
  /** Whether the run is over, so that all clients must have the same topology. */
  readonly isFinal: boolean;
}

/** A client does not see all nodes as up and in, long after the last fault. */
export interface StuckEntry {
  readonly type: 'stuck';
  readonly client: string;
  /** For example `node-1 is away`. */
  readonly problem: string;
  readonly waitedMs: number;
}

/** The end of a worker process. */
export interface ExitEntry {
  readonly type: 'exit';
  readonly process: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
  readonly at: number;
}

export type Entry =
  | RunEntry
  | OperationEntry
  | StateEntry
  | FaultEntry
  | ChangeEntry
  | TopologyEntry
  | StuckEntry
  | ExitEntry;

export type Log = (entry: Entry) => void;

/** Entries grouped by type. Each list is in the order that the checker needs. */
export interface History {
  readonly run: RunEntry;
  readonly operations: readonly OperationEntry[];
  /** Sorted by time. */
  readonly states: readonly StateEntry[];
  readonly faults: readonly FaultEntry[];
  readonly changes: readonly ChangeEntry[];
  readonly topologies: readonly TopologyEntry[];
  readonly stuck: readonly StuckEntry[];
  readonly exits: readonly ExitEntry[];
}

/** @throws Error if the run is missing */
export function toHistory(entries: readonly Entry[]): History {
  const ofType = <T extends Entry['type']>(type: T) =>
    entries.filter((entry): entry is Extract<Entry, { type: T }> => entry.type === type);
  const [run] = ofType('run');
  if (run === undefined) throw new Error('the history needs an entry of type run');
  return {
    run,
    operations: ofType('operation'),
    states: ofType('state').sort((one, other) => one.at - other.at),
    faults: ofType('fault'),
    changes: ofType('change'),
    topologies: ofType('topology'),
    stuck: ofType('stuck'),
    exits: ofType('exit'),
  };
}

/** The process of a client. Clients have names such as `p1.c2`. */
export const processOf = (client: string): string => client.split('.')[0] as string;

/** The faults of servers that a run injects. With `restartPolicy: 'keep'`, the losses of a rollback are accepted. */
export function serverFaultsOf({
  mode,
  restartPolicy,
}: Pick<RunEntry, 'mode' | 'restartPolicy'>): ServerFault[] {
  return settingsOf(mode).serverFaults.filter((kind) => kind !== 'rollback' || restartPolicy !== 'keep');
}

/** @param text one entry per line; an incomplete last line from a killed process is ignored */
export function parseEntries(text: string): Entry[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as Entry);
}

export const serializeEntries = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
