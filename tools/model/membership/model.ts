import { NONE } from '../judge.js';
import type { Model, Step } from '../search.js';
import { canOpen, hasEnded, loseConnection, openEarly, stepClient } from './client.js';
import { operatorActions } from './operator.js';
import { type Config, copyOf, encode, initialState, NO_TOKEN, SERVERS, type State } from './state.js';

/**
 * Changes of a key's owner under load. docs/topology.md describes the protocol. A search visits every order of the
 * steps of
 *
 * - clients with a few operations each, which begin under epoch 0;
 * - operators that want the key on a server: they decide, spread, move and settle;
 * - values that vanish, and servers that come back empty.
 *
 * A process that dies is one that takes no more steps, so each of them may die anywhere.
 *
 * Not modelled: lost replies, several keys, servers that do not answer when they are asked for a record, and how the
 * register decides (see register/model.ts).
 */
export function membershipModel(config: Config): Model<State> {
  return {
    initial: initialState(config),
    encode,
    violation: (state) => state.violation,
    steps: (state) => [
      ...clientSteps(config, state),
      ...operatorSteps(config, state),
      ...expirySteps(state),
      ...restartSteps(state),
    ],
  };
}

function clientSteps(config: Config, state: State): readonly Step<State>[] {
  const steps: Step<State>[] = [];
  for (let id = 0; id < state.clients.length; id += 1) {
    if (hasEnded(config, state, id)) continue;
    const next = copyOf(state);
    steps.push([stepClient(config, next, id), next]);
    if (!config.opensAnytime) continue;
    for (const at of SERVERS) {
      if (!canOpen(state, id, at)) continue;
      const opened = copyOf(state);
      steps.push([openEarly(config, opened, id, at), opened]);
    }
  }
  return steps;
}

function operatorSteps(config: Config, state: State): readonly Step<State>[] {
  return state.operators.flatMap((_operator, id) =>
    operatorActions(config, state, id).map(([name, act]): Step<State> => {
      const next = copyOf(state);
      act(next);
      return [name, next];
    }),
  );
}

function expirySteps(state: State): readonly Step<State>[] {
  if (state.expiries === 0) return [];
  return SERVERS.filter((at) => state.servers[at].value !== NONE).map((at) => {
    const next = copyOf(state);
    next.expiries -= 1;
    next.servers[at].value = NONE;
    return [`the value at ${at} expires`, next];
  });
}

function restartSteps(state: State): readonly Step<State>[] {
  if (state.restarts === 0) return [];
  return SERVERS.map((at) => {
    const next = copyOf(state);
    next.restarts -= 1;
    Object.assign(next.servers[at], { value: NONE, lease: NO_TOKEN, epoch: 0 });
    for (const client of next.clients) loseConnection(client, at);
    return [`server ${at} comes back empty`, next];
  });
}
