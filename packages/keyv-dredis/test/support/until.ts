/** Waits until a condition holds. Asks every 10 ms; the time limit of the test ends the wait. */
export async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 10));
}
