import { UNKNOWN_EPOCH } from './send-options.js';

/** The topology record that a server holds, as far as this process knows. */
export class HeldRecord {
  #epoch = 0;
  #readCount = 0;
  #confirmed = { epoch: UNKNOWN_EPOCH, at: Number.NEGATIVE_INFINITY };

  /** {@link UNKNOWN_EPOCH} until the record has been read on this connection, and after it has changed. */
  get epoch(): number {
    return this.#epoch;
  }

  get isKnown(): boolean {
    return this.#epoch !== UNKNOWN_EPOCH;
  }

  /** Number of calls of {@link HeldRecord.changed}. */
  get changeCount(): number {
    return this.#readCount;
  }

  /** See `Node.confirmedAt`. */
  confirmedAt(epoch: number): number {
    return this.#confirmed.epoch === epoch ? this.#confirmed.at : Number.NEGATIVE_INFINITY;
  }

  /** The connection is lost. */
  forget(): void {
    this.#epoch = UNKNOWN_EPOCH;
  }

  /** The record may have changed. */
  changed(): void {
    this.forget();
    this.#readCount += 1;
  }

  /** @param changeCount {@link HeldRecord.changeCount} when the command that reads the record was sent, at `sentAt` */
  read(epoch: number, changeCount: number, sentAt: number): void {
    if (changeCount !== this.#readCount) return;
    this.#epoch = epoch;
    this.#confirm(sentAt);
  }

  /** The server has replied to a command. @param sentAt when the command was sent, or earlier */
  replied(sentAt: number): void {
    if (this.#epoch !== UNKNOWN_EPOCH) this.#confirm(sentAt);
  }

  /** The time may be earlier than that of the last reply, because it is a lower limit. */
  #confirm(sentAt: number): void {
    this.#confirmed.at = Math.max(this.confirmedAt(this.#epoch), sentAt);
    this.#confirmed.epoch = this.#epoch;
  }
}
