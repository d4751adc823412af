/** Milliseconds on a clock that all processes of the machine share and that never goes back. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;
