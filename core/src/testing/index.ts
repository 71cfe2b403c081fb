// What authors of plugins test with: the promises of every kind of answer, and builders of what answers are asked about.
export { balancerPromises, testBalancer, type BalancerOptions } from './balancer.ts'
export { BrokenPromise, type ConformancePromise, type Make, type RegisterTest, type SuiteOptions } from './conformance.ts'
export { endpoint, endpoints, exchange, outcome, serviceOf, type EndpointParts, type ExchangeParts, type Outcome } from './build.ts'
export { discoveryPromises, testDiscovery, type DiscoveryOptions } from './discovery.ts'
export { identityPromises, testIdentity, type IdentityOptions } from './identity.ts'
export { selfSigned } from './certificate.ts'
