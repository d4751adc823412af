import type { CliCommand } from '../command.js';
import { add } from './add.js';
import { explain } from './explain.js';
import { importKeys } from './import.js';
import { orphans } from './orphans.js';
import { remove } from './remove.js';
import { resume } from './resume.js';
import { ring } from './ring.js';
import { status } from './status.js';
import { weight } from './weight.js';

/** All commands, in the order of the help. */
export const COMMANDS: readonly CliCommand[] = [
  status,
  explain,
  ring,
  add,
  remove,
  weight,
  resume,
  orphans,
  importKeys,
];
