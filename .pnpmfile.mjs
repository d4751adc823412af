/**
 * `pnpm pack` and `pnpm publish` leave out devDependencies. They would replace `workspace:*` by a version, and so
 * publish the names of private packages of this workspace, which belong to other packages on npm.
 */
export const hooks = {
  beforePacking({ devDependencies, ...published }) {
    return published;
  },
};
