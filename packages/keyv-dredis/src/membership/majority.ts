const COUNTER_DIGITS = 10;

/** Ballots are compared as texts. */
export const ballotOf = (counter: number, proposer: string) =>
  `${String(counter).padStart(COUNTER_DIGITS, '0')}-${proposer}`;

export const majorityOf = (voterCount: number) => Math.floor(voterCount / 2) + 1;

/** The voters did not decide in time. */
export class NoMajorityError extends Error {
  override readonly name = 'NoMajorityError';

  /** @param reasons why voters do not vote, by name; the others are busy with other proposals */
  constructor(voterCount: number, reasons: ReadonlyMap<string, string>) {
    const why = Array.from(reasons, ([name, reason]) => `${name}: ${reason}`).join('; ');
    const votingCount = voterCount - reasons.size;
    const majority = majorityOf(voterCount);
    super(
      votingCount < majority
        ? `${votingCount} of ${voterCount} nodes can vote, and ${majority} are necessary (${why})`
        : 'other processes kept proposing changes',
    );
  }
}
