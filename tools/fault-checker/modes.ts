import type { ServerFault } from './history.js';

/** Settings of a mode. */
export interface ModeSettings {
  /** The stores' `nodeDownPolicy`. */
  readonly nodeDownPolicy: 'error' | 'miss' | 'failover';
  readonly serverCount: number;
  readonly serverFaults: readonly ServerFault[];
  /** Whether a server fault may hit two servers at the same time, every now and then. */
  readonly hasPairs: boolean;
  /** Whether operators add, remove and weigh servers. */
  readonly hasOperators: boolean;
  /** The part of the run without faults of servers and of the workers' connections, so that no entry may be lost. */
  readonly calmShare: number;
  readonly commandTimeoutMs: number;
  /** The stores' `leaseMs`; undefined means the store's own default. */
  readonly leaseMs: number | undefined;
}

const SERVER_FAULTS = ['freeze', 'kill', 'restart', 'rollback'] as const;
/** Also faults of a server that goes on without its topology record, or without any key. */
const FAULTS_WITH_CHANGES = [...SERVER_FAULTS, 'forget', 'flush'] as const;

const FIXED = {
  serverCount: 4,
  serverFaults: SERVER_FAULTS,
  hasPairs: true,
  hasOperators: false,
  calmShare: 0,
  commandTimeoutMs: 300,
  leaseMs: undefined,
} as const;
/** With this lease, a failover takes less than half a second, and a call may wait for it. */
const FAST_FAILOVER = { nodeDownPolicy: 'failover', commandTimeoutMs: 1_000, leaseMs: 300 } as const;
/** Some of the servers are not in the cache. */
const CHANGING = { serverCount: 6, serverFaults: FAULTS_WITH_CHANGES, hasOperators: true } as const;

export const MODES = {
  error: { ...FIXED, nodeDownPolicy: 'error' },
  miss: { ...FIXED, nodeDownPolicy: 'miss' },
  failover: { ...FIXED, ...FAST_FAILOVER },
  membership: { ...FIXED, ...CHANGING, nodeDownPolicy: 'error', hasPairs: false, calmShare: 0.4 },
  everything: { ...FIXED, ...FAST_FAILOVER, ...CHANGING },
} as const satisfies Record<string, ModeSettings>;

export type Mode = keyof typeof MODES;
export const MODE_NAMES = Object.keys(MODES) as Mode[];

export const settingsOf = (mode: Mode): ModeSettings => MODES[mode];
