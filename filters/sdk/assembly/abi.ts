// The host functions of proxy-wasm 0.2.1, as they are. Filters use what is built on them.

// @ts-ignore: decorator
@external("env", "proxy_log")
export declare function proxy_log(level: u32, at: usize, length: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_get_log_level")
export declare function proxy_get_log_level(levelAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_get_current_time_nanoseconds")
export declare function proxy_get_current_time_nanoseconds(at: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_set_tick_period_milliseconds")
export declare function proxy_set_tick_period_milliseconds(ms: u32): u32
// @ts-ignore: decorator
@external("env", "proxy_get_buffer_bytes")
export declare function proxy_get_buffer_bytes(type: u32, start: u32, max: u32, addressAt: usize, lengthAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_get_buffer_status")
export declare function proxy_get_buffer_status(type: u32, lengthAt: usize, flagsAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_set_buffer_bytes")
export declare function proxy_set_buffer_bytes(type: u32, start: u32, length: u32, at: usize, size: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_get_header_map_pairs")
export declare function proxy_get_header_map_pairs(type: u32, addressAt: usize, lengthAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_get_header_map_value")
export declare function proxy_get_header_map_value(type: u32, nameAt: usize, nameLength: usize, addressAt: usize, lengthAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_add_header_map_value")
export declare function proxy_add_header_map_value(type: u32, nameAt: usize, nameLength: usize, valueAt: usize, valueLength: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_replace_header_map_value")
export declare function proxy_replace_header_map_value(type: u32, nameAt: usize, nameLength: usize, valueAt: usize, valueLength: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_remove_header_map_value")
export declare function proxy_remove_header_map_value(type: u32, nameAt: usize, nameLength: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_continue_stream")
export declare function proxy_continue_stream(type: u32): u32
// @ts-ignore: decorator
@external("env", "proxy_close_stream")
export declare function proxy_close_stream(type: u32): u32
// @ts-ignore: decorator
@external("env", "proxy_send_local_response")
export declare function proxy_send_local_response(status: u32, detailsAt: usize, detailsLength: usize, bodyAt: usize, bodyLength: usize, headersAt: usize, headersLength: usize, grpcStatus: i32): u32
// @ts-ignore: decorator
@external("env", "proxy_http_call")
export declare function proxy_http_call(serviceAt: usize, serviceLength: usize, headersAt: usize, headersLength: usize, bodyAt: usize, bodyLength: usize, trailersAt: usize, trailersLength: usize, timeoutMs: u32, tokenAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_set_shared_data")
export declare function proxy_set_shared_data(keyAt: usize, keyLength: usize, valueAt: usize, valueLength: usize, cas: u32): u32
// @ts-ignore: decorator
@external("env", "proxy_get_shared_data")
export declare function proxy_get_shared_data(keyAt: usize, keyLength: usize, addressAt: usize, lengthAt: usize, casAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_register_shared_queue")
export declare function proxy_register_shared_queue(nameAt: usize, nameLength: usize, idAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_resolve_shared_queue")
export declare function proxy_resolve_shared_queue(vmIdAt: usize, vmIdLength: usize, nameAt: usize, nameLength: usize, idAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_enqueue_shared_queue")
export declare function proxy_enqueue_shared_queue(id: u32, at: usize, length: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_dequeue_shared_queue")
export declare function proxy_dequeue_shared_queue(id: u32, addressAt: usize, lengthAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_define_metric")
export declare function proxy_define_metric(type: u32, nameAt: usize, nameLength: usize, idAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_increment_metric")
export declare function proxy_increment_metric(id: u32, by: i64): u32
// @ts-ignore: decorator
@external("env", "proxy_record_metric")
export declare function proxy_record_metric(id: u32, value: i64): u32
// @ts-ignore: decorator
@external("env", "proxy_get_metric")
export declare function proxy_get_metric(id: u32, valueAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_get_property")
export declare function proxy_get_property(pathAt: usize, pathLength: usize, addressAt: usize, lengthAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_set_property")
export declare function proxy_set_property(pathAt: usize, pathLength: usize, valueAt: usize, valueLength: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_call_foreign_function")
export declare function proxy_call_foreign_function(nameAt: usize, nameLength: usize, argumentAt: usize, argumentLength: usize, addressAt: usize, lengthAt: usize): u32
// @ts-ignore: decorator
@external("env", "proxy_set_effective_context")
export declare function proxy_set_effective_context(id: u32): u32
// @ts-ignore: decorator
@external("env", "proxy_done")
export declare function proxy_done(): u32
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
export declare function random_get(at: usize, length: usize): u32
