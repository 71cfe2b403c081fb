// The guest `gate` in Rust: asks for a token, asks a service about it, shouts the response, and counts. Speaks the raw ABI.
use std::cell::RefCell;
use std::collections::HashMap;

#[link(wasm_import_module = "env")]
extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_header_map_value(map: u32, key: *const u8, key_size: usize, value: *mut *mut u8, value_size: *mut usize) -> u32;
    fn proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_buffer_bytes(kind: u32, start: usize, size: usize, data: *const u8, data_size: usize) -> u32;
    fn proxy_send_local_response(status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize, headers: *const u8, headers_size: usize, grpc_status: i32) -> u32;
    fn proxy_http_call(upstream: *const u8, upstream_size: usize, headers: *const u8, headers_size: usize, body: *const u8, body_size: usize, trailers: *const u8, trailers_size: usize, timeout_ms: u32, call: *mut u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(kind: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, by: i64) -> u32;
}

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const CALL_HEADERS: u32 = 6;
const RESPONSE_BODY: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;

#[derive(Default)]
struct Gate {
    service: Vec<u8>,
    asked: u32,
    waiting: HashMap<u32, u32>,
}

thread_local! {
    static GATE: RefCell<Gate> = RefCell::new(Gate::default());
}

#[no_mangle]
pub extern "C" fn proxy_abi_version_0_2_1() {}

#[no_mangle]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::leak(vec![0u8; size].into_boxed_slice()).as_mut_ptr()
}

/// Takes what the host has written into our memory.
fn taken(give: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let mut data = std::ptr::null_mut();
    let mut size = 0;
    match give(&mut data, &mut size) {
        0 if size == 0 => Some(Vec::new()),
        0 => Some(unsafe { Vec::from_raw_parts(data, size, size) }),
        1 => None,
        status => panic!("unexpected status {}", status),
    }
}

fn header(map: u32, key: &str) -> Option<Vec<u8>> {
    taken(|data, size| unsafe { proxy_get_header_map_value(map, key.as_ptr(), key.len(), data, size) })
}

fn pairs(list: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = (list.len() as u32).to_le_bytes().to_vec();
    for (name, value) in list {
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    }
    for text in list.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    bytes
}

fn refuse(status: u32, why: &str) {
    let headers = pairs(&[(b"X-Gate", b"closed")]);
    unsafe { proxy_send_local_response(status, "gate".as_ptr(), 4, why.as_ptr(), why.len(), headers.as_ptr(), headers.len(), -1) };
}

#[no_mangle]
pub extern "C" fn proxy_on_configure(_root: u32, size: usize) -> bool {
    let service = taken(|data, length| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, data, length) }).unwrap_or_default();
    if service.is_empty() {
        return false;
    }
    GATE.with(|gate| {
        let gate = &mut *gate.borrow_mut();
        gate.service = service;
        unsafe { proxy_define_metric(0, "gate_asked".as_ptr(), 10, &mut gate.asked) == 0 }
    })
}

#[no_mangle]
pub extern "C" fn proxy_on_request_headers(context: u32, _count: usize, _ends: bool) -> u32 {
    let token = match header(REQUEST_HEADERS, "x-token") {
        Some(token) => token,
        None => {
            refuse(401, "no token");
            return 0;
        }
    };
    let headers = pairs(&[(b":method", b"GET"), (b":path", &token), (b":authority", b"auth")]);
    GATE.with(|gate| {
        let gate = &mut *gate.borrow_mut();
        let mut call = 0;
        let status = unsafe { proxy_http_call(gate.service.as_ptr(), gate.service.len(), headers.as_ptr(), headers.len(), std::ptr::null(), 0, std::ptr::null(), 0, 1000, &mut call) };
        if status != 0 {
            refuse(500, "nobody to ask");
        }
        unsafe { proxy_increment_metric(gate.asked, 1) };
        gate.waiting.insert(call, context);
    });
    1
}

#[no_mangle]
pub extern "C" fn proxy_on_http_call_response(_root: u32, call: u32, _count: usize, _size: usize, _trailers: usize) {
    let context = match GATE.with(|gate| gate.borrow_mut().waiting.remove(&call)) {
        Some(context) => context,
        None => return,
    };
    let status = header(CALL_HEADERS, ":status");
    unsafe { proxy_set_effective_context(context) };
    if status.as_deref() == Some(b"200") {
        unsafe {
            proxy_add_header_map_value(REQUEST_HEADERS, "x-gate".as_ptr(), 6, "open".as_ptr(), 4);
            proxy_continue_stream(0);
        }
    } else {
        refuse(403, "not you");
    }
}

#[no_mangle]
pub extern "C" fn proxy_on_response_headers(_context: u32, _count: usize, _ends: bool) -> u32 {
    unsafe { proxy_remove_header_map_value(RESPONSE_HEADERS, "content-length".as_ptr(), 14) };
    0
}

#[no_mangle]
pub extern "C" fn proxy_on_response_body(_context: u32, size: usize, ends: bool) -> u32 {
    if !ends {
        return 1;
    }
    if let Some(body) = taken(|data, length| unsafe { proxy_get_buffer_bytes(RESPONSE_BODY, 0, size, data, length) }) {
        let loud = body.to_ascii_uppercase();
        unsafe { proxy_set_buffer_bytes(RESPONSE_BODY, 0, size, loud.as_ptr(), loud.len()) };
    }
    0
}

#[no_mangle]
pub extern "C" fn proxy_on_log(context: u32) {
    let status = header(RESPONSE_HEADERS, ":status").unwrap_or_else(|| b"none".to_vec());
    let line = format!("stream {}: {}", context, String::from_utf8_lossy(&status));
    unsafe { proxy_log(2, line.as_ptr(), line.len()) };
}
