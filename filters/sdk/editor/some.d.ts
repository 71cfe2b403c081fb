// What editors read in place of assembly/some.ts.

/** All members may be left out. */
export type Some<T> = { [K in keyof T]?: T[K] }
