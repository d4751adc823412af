import type { RecoveryHooks } from './node.js';

/** Hooks that recover nothing, and that do not follow the topology record. */
export const NO_RECOVERY: RecoveryHooks = {
  beforeServing: async () => undefined,
  synchronize: async (node) => node.holds(0, node.refreshCount, Number.NEGATIVE_INFINITY),
  opened: () => undefined,
  unreachable: async () => undefined,
  startsOver: () => false,
};
