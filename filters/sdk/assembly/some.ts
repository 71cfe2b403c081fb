// For editors: an object literal may leave out members that have defaults. The compiler of filters knows that by itself.

/** To editors this is `Partial<T>`: see editor/some.d.ts. */
export type Some<T> = T
