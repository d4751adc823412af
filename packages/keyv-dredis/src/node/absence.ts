/**
 * What the processes have decided about a node that does not serve its keys. A node without such a state serves them.
 *
 * - `leaving`: a process cannot use the node. Nobody serves its keys, until it is `away` or a process objects.
 * - `away`: the other nodes serve its keys.
 * - `returning`: old entries are removed from it. Nobody serves its keys.
 */
export type Absence = 'leaving' | 'away' | 'returning';
