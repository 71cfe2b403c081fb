// The ABIs of proxy-wasm that the host speaks, by the export with which a module says which one is its own.

/** Of a module that was made for Higress, whose ABI is 0.2.1 but for this: a head that is stopped does not stop its body. */
export const higressAbi = 'proxy_abi_version_0_2_100'

export const abis: readonly string[] = ['proxy_abi_version_0_1_0', 'proxy_abi_version_0_2_0', 'proxy_abi_version_0_2_1', higressAbi]
