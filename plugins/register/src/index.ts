// The door: one line in a service keeps it in a Meshwright registry.
export { register, type Registration, type RegisterOptions } from './register.ts'
