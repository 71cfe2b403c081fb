// As much of proxy-wasm 0.2.1 as the filter needs: names of the specification, types of C.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("env"), import_name(#name)))

// A literal as what the host takes: where it is and how long it is.
#define TEXT(literal) (literal), (sizeof(literal) - 1)

enum { OK = 0, NOT_FOUND = 1 };
enum { CONTINUE = 0, PAUSE = 1 };
enum { LOG_INFO = 2, LOG_ERROR = 4 };
enum { PLUGIN_CONFIGURATION = 7 };
enum { REQUEST_HEADERS = 0, RESPONSE_HEADERS = 2 };

IMPORT(proxy_log) uint32_t proxy_log(uint32_t level, const char *text, size_t length);
IMPORT(proxy_get_buffer_bytes) uint32_t proxy_get_buffer_bytes(uint32_t type, size_t start, size_t most, char **bytes, size_t *length);
IMPORT(proxy_get_header_map_value) uint32_t proxy_get_header_map_value(uint32_t map, const char *name, size_t name_length, char **value, size_t *length);
IMPORT(proxy_replace_header_map_value) uint32_t proxy_replace_header_map_value(uint32_t map, const char *name, size_t name_length, const char *value, size_t length);
// Headers: the encoding of pairs in the specification; none here.
IMPORT(proxy_send_local_response)
uint32_t proxy_send_local_response(uint32_t status, const char *details, size_t details_length, const char *body, size_t body_length, const char *headers, size_t headers_length, int32_t grpc_status);

#define log_text(level, literal) proxy_log((level), TEXT(literal))
