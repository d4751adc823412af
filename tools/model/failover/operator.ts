import { NONE } from '../judge.js';
import { endConnections, recordFor } from './client.js';
import {
  ALL,
  addPhase,
  bit,
  type Config,
  freshToken,
  holders,
  isLeaving,
  isMajority,
  type Log,
  type MoverStep,
  NAMES,
  NO_TOKEN,
  newestEpoch,
  newestPhase,
  outageOf,
  type Part,
  type Phase,
  phaseOf,
  raise,
  SERVERS,
  type State,
  use,
  type Work,
  Y,
  Z,
} from './state.js';

/** A step of an operator: its name, and how it changes a state. */
export type OperatorAction = readonly [name: string, act: (state: State) => void];

/**
 * What processes do to take Y out of the ring and to bring it back. Any process may take any step, so there may be any
 * number of operators, and each may stop anywhere. A step leans only on what the servers hold and what was done in the
 * same epoch. Its commands are scripts that compare the record, so those of a slow operator do nothing.
 */
export function operatorActions(config: Config, state: State): readonly OperatorAction[] {
  const actions = [
    ...spreadActions(config, state),
    ...leavingActions(config, state),
    ...sweepActions(config, state),
    ...moverActions(state),
    ...decisions(config, state).map(
      (phase): OperatorAction => [`decide ${phase}`, (next) => decide(config, next, phase)],
    ),
  ];
  const before = `operator, ${newestPhase(state)} ${newestEpoch(state)}`;
  return actions.map(([name, act]) => [`${before}: ${name}`, act]);
}

/** Brings the newest record to a server. One that has come back first gets the record of the others. */
function spreadActions(config: Config, state: State): readonly OperatorAction[] {
  return SERVERS.flatMap((at): readonly OperatorAction[] => {
    const { epoch, isNew } = state.servers[at];
    if (isNew) {
      const asked = recordFor(config, state, at);
      return [[`open ${NAMES[at]}`, (next) => raise(next, at, asked)]];
    }
    const newest = newestEpoch(state);
    return epoch < newest ? [[`spread at ${NAMES[at]}`, (next) => raise(next, at, newest)]] : [];
  });
}

/** Prepares Z, which takes over. */
function leavingActions(config: Config, state: State): readonly OperatorAction[] {
  const { epoch, isNew } = state.servers[Z];
  if (isNew) return [];
  const isNewest = epoch === newestEpoch(state);
  if (isNewest && newestPhase(state) === 'leaving' && !state.work.isSwept && has(config, 'sweep')) {
    const sweep = (next: State) => {
      next.servers[Z].value = NONE;
      did(next, { isSwept: true });
    };
    return [['sweep Z', sweep]];
  }
  // A slow operator may write the base at any later time.
  const outage = has(config, 'check of base') ? epoch : outageOf(state);
  const hasBegun = state.log.outage === outage && state.log.run === state.run;
  if (outage < 0 || phaseOf(state, outage) !== 'leaving' || hasBegun) return [];
  const begin = (next: State) => {
    next.log = { outage, run: state.run, hasName: false };
    if (isNewest) did(next, { hasBase: true });
  };
  return [['begin log at Z', begin]];
}

/** Removes what Y has missed, after everything that was sent there before. */
function sweepActions(config: Config, state: State): readonly OperatorAction[] {
  const { log, isSweptEarly } = state;
  const { sweep } = state.work;
  const phase = newestPhase(state);
  const holding = holders(state);
  const isHeld = (holding & bit(Z)) !== 0 && (holding & bit(Y)) !== 0;
  if (!isHeld) return [];
  const remove = (next: State) => {
    next.servers[Y].value = NONE;
  };
  const actions: OperatorAction[] = [];
  if (phase === 'away' && !has(config, 'whole log') && log.hasName && !isSweptEarly) {
    const sweepEarly = (next: State) => {
      remove(next);
      next.isSweptEarly = true;
    };
    actions.push(['sweep Y early', sweepEarly]);
  }
  if (phase !== (has(config, 'closing') ? 'returning' : 'away')) return actions;
  const isOld = !isComplete(config, state, log) || (log.hasName && !isSweptEarly);
  if (sweep === 'drop others' && has(config, 'drop others')) {
    // A slow operator may do it at any later time. For a client, that is a lost connection.
    const end = (next: State) => {
      endConnections(config, next, Y);
      did(next, { sweep: 'read log' });
    };
    actions.push(['end connections to Y', end]);
  } else if (sweep === 'read log' || sweep === 'drop others') {
    const read = (next: State) => {
      did(next, { sweep: isOld && has(config, 'sweep back') ? 'remove' : 'done' });
    };
    actions.push(['read log', read]);
  } else if (sweep === 'remove') {
    const sweepBack = (next: State) => {
      remove(next);
      did(next, { sweep: 'done' });
    };
    actions.push(['sweep Y', sweepBack]);
  }
  return actions;
}

/** Whether the log has the names of all keys that were written since Y went away. */
function isComplete(config: Config, state: State, { outage, run }: Log): boolean {
  return !has(config, 'base') || (outage === outageOf(state) && run === state.run);
}

/** Moves the key back to Y. */
function moverActions(state: State): readonly OperatorAction[] {
  const { moverStep } = state.work;
  const at = moverStep === 'fetch' || moverStep === 'drop' ? Z : Y;
  const isHeld = (holders(state) & bit(at)) !== 0;
  if (newestPhase(state) !== 'moving' || moverStep === 'done' || !isHeld) return [];
  return [[moverStep, (next) => did(next, MOVER[moverStep](next))]];
}

const MOVER: Readonly<Record<Exclude<MoverStep, 'done'>, (state: State) => Partial<Work>>> = {
  lease(state) {
    const to = state.servers[Y];
    if (to.value !== NONE) return { moverStep: 'drop' };
    if (to.lease === NO_TOKEN) to.lease = freshToken(state);
    return { moverStep: 'fetch', moverToken: to.lease };
  },
  fetch({ servers }) {
    const { value } = servers[Z];
    if (value === NONE) return { moverStep: 'done', moverToken: NO_TOKEN };
    return { moverStep: 'store', moverFetched: value };
  },
  store({ servers, work }) {
    const to = servers[Y];
    const isStored = to.lease === work.moverToken;
    if (isStored) {
      if (to.value === NONE) to.value = work.moverFetched;
      to.lease = NO_TOKEN;
    }
    const moverStep = isStored || to.value !== NONE ? 'drop' : 'lease';
    return { moverStep, moverToken: NO_TOKEN, moverFetched: NONE };
  },
  drop({ servers }) {
    servers[Z].value = NONE;
    return { moverStep: 'done' };
  },
};

function did(state: State, work: Partial<Work>): void {
  state.work = { ...state.work, ...work };
}

/** What can be decided next. A majority of the voters must hold the newest record. */
function decisions(config: Config, state: State): readonly Phase[] {
  const { losses, objections } = state.left;
  const { sweep, moverStep, isSwept, hasBase } = state.work;
  const phase = newestPhase(state);
  const holding = holders(state);
  if (!isMajority(holding, phase)) return [];
  const next: Phase[] = [];
  switch (phase) {
    case 'in':
      if (losses > 0) next.push('leaving');
      break;
    case 'leaving':
      if (hasBase && (isSwept || !has(config, 'sweep'))) next.push('away');
      if (objections > 0) next.push('in');
      break;
    case 'away':
      if ((holding & bit(Y)) === 0) break;
      if (has(config, 'closing')) next.push('returning');
      else if (sweep === 'done') next.push('moving');
      break;
    case 'returning':
      if (sweep === 'done') next.push('moving');
      if (losses > 0) next.push('away');
      break;
    case 'moving':
      if (moverStep === 'done' && holding === ALL) next.push('in');
      if (losses > 0) next.push('leaving while moving');
      break;
    case 'leaving while moving':
      next.push('away');
      if (objections > 0) next.push('moving');
  }
  return next;
}

function decide(config: Config, state: State, phase: Phase): void {
  const before = newestPhase(state);
  const isLoss = isLeaving(phase) || (before === 'returning' && phase === 'away');
  if (isLoss) use(state, 'losses');
  if (isLeaving(before) && phase !== 'away') use(state, 'objections');
  if (isLeaving(phase)) state.isSweptEarly = false;
  // The decision waits until the leases are over.
  const isWaiting = phase === 'away' && has(config, 'wait');
  for (const client of state.clients) {
    if (!isWaiting || !isLeaving(before)) client.grants |= client.oldGrants;
    client.oldGrants = 0;
  }
  addPhase(state, phase);
}

function has(config: Config, part: Part): boolean {
  return !config.without?.includes(part);
}
