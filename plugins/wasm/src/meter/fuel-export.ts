// Where a metered module keeps its fuel: known to who meters it and to who runs it, which may be in different threads.

/** The export that holds what fuel is left, in units of about a nanosecond; a call traps when it goes below 0. */
export const fuelExport = '__meshwright_fuel'
