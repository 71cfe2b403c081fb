// Host functions for what VMs share: data, queues, metrics.
import type { Surroundings } from '../surroundings.ts'
import { MetricType, Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, give, takeBytes, takeText, type HostFunctions } from './host-function.ts'

/** Fuel for an operation on memory that threads share. */
const sharedFuel = 500

export function sharedFunctions(vm: Vm, { sharedData, queues, metrics, settings }: Surroundings): HostFunctions {
  const told = (id: number | undefined, idAt: number, otherwise: Status): Status => {
    if (id === undefined) return otherwise
    vm.memory.setU32(idAt >>> 0, id)
    return Status.ok
  }
  return {
    proxy_get_shared_data(keyAt: number, keyLength: number, addressAt: number, lengthAt: number, casAt: number) {
      vm.burn(sharedFuel)
      const found = sharedData.get(takeText(vm, keyAt, keyLength))
      if (found === undefined) return Status.notFound
      const status = give(vm, found.value, addressAt, lengthAt)
      if (status === Status.ok) vm.memory.setU32(casAt >>> 0, found.cas)
      return status
    },
    proxy_set_shared_data(keyAt: number, keyLength: number, valueAt: number, valueLength: number, cas: number) {
      vm.burn(sharedFuel)
      return sharedData.set(takeText(vm, keyAt, keyLength), takeBytes(vm, valueAt, valueLength), cas >>> 0)
    },
    proxy_register_shared_queue(nameAt: number, nameLength: number, idAt: number) {
      vm.burn(sharedFuel)
      return told(contextOf(vm).root.registerQueue(takeText(vm, nameAt, nameLength)), idAt, Status.internalFailure)
    },
    proxy_resolve_shared_queue(vmIdAt: number, vmIdLength: number, nameAt: number, nameLength: number, idAt: number) {
      vm.burn(sharedFuel)
      const vmId = takeText(vm, vmIdAt, vmIdLength)
      return told(queues.resolve(vmId === '' ? settings.vmId : vmId, takeText(vm, nameAt, nameLength)), idAt, Status.notFound)
    },
    proxy_enqueue_shared_queue(id: number, at: number, length: number) {
      vm.burn(sharedFuel)
      return queues.enqueue(id >>> 0, takeBytes(vm, at, length))
    },
    proxy_dequeue_shared_queue(id: number, addressAt: number, lengthAt: number) {
      vm.burn(sharedFuel)
      const message = queues.dequeue(id >>> 0)
      return typeof message === 'number' ? message : give(vm, message, addressAt, lengthAt)
    },
    proxy_define_metric(type: number, nameAt: number, nameLength: number, idAt: number) {
      if (type < MetricType.counter || type > MetricType.histogram) return Status.badArgument
      const id = metrics.define(type, takeText(vm, nameAt, nameLength))
      if (id === undefined) return Status.internalFailure
      vm.memory.setU32(idAt >>> 0, id)
      return Status.ok
    },
    proxy_increment_metric: (id: number, by: bigint) => metrics.increment(id >>> 0, by),
    proxy_record_metric: (id: number, value: bigint) => metrics.record(id >>> 0, value),
    proxy_get_metric(id: number, valueAt: number) {
      const value = metrics.get(id >>> 0)
      if (typeof value === 'number') return value
      vm.memory.setU64(valueAt >>> 0, value)
      return Status.ok
    },
  }
}
