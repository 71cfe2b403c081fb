// The guest `gate` in C: asks for a token, asks a service about it, shouts the response, and counts. Speaks the raw ABI.
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name))) extern uint32_t name
#define EXPORT(name) __attribute__((export_name(#name)))

IMPORT(proxy_get_header_map_value)(uint32_t map, const char *key, size_t key_size, char **value, size_t *value_size);
IMPORT(proxy_add_header_map_value)(uint32_t map, const char *key, size_t key_size, const char *value, size_t value_size);
IMPORT(proxy_remove_header_map_value)(uint32_t map, const char *key, size_t key_size);
IMPORT(proxy_get_buffer_bytes)(uint32_t type, size_t start, size_t max, char **data, size_t *size);
IMPORT(proxy_set_buffer_bytes)(uint32_t type, size_t start, size_t size, const char *data, size_t data_size);
IMPORT(proxy_send_local_response)(uint32_t status, const char *details, size_t details_size, const char *body, size_t body_size, const char *headers, size_t headers_size, uint32_t grpc_status);
IMPORT(proxy_http_call)(const char *upstream, size_t upstream_size, const char *headers, size_t headers_size, const char *body, size_t body_size, const char *trailers, size_t trailers_size, uint32_t timeout_ms, uint32_t *call);
IMPORT(proxy_set_effective_context)(uint32_t context);
IMPORT(proxy_continue_stream)(uint32_t type);
IMPORT(proxy_define_metric)(uint32_t type, const char *name, size_t name_size, uint32_t *id);
IMPORT(proxy_increment_metric)(uint32_t id, int64_t by);

enum { REQUEST_HEADERS = 0, RESPONSE_HEADERS = 2, CALL_HEADERS = 6, RESPONSE_BODY = 1, PLUGIN_CONFIGURATION = 7 };
#define TEXT(text) text, sizeof(text) - 1

struct waiting {
  uint32_t call, context;
  struct waiting *next;
};

static struct waiting *waiting;
static char *service;
static uint32_t asked;

EXPORT(proxy_abi_version_0_2_1) void abi(void) {}
EXPORT(malloc) void *exported_malloc(size_t size) { return malloc(size); }

/** A copy that ends with a NUL; NULL if there is none. */
static char *header(uint32_t map, const char *key) {
  char *value = NULL, *copy;
  size_t size = 0;
  if (proxy_get_header_map_value(map, key, strlen(key), &value, &size) != 0) return NULL;
  copy = calloc(size + 1, 1);
  if (size > 0) memcpy(copy, value, size);
  free(value);
  return copy;
}

static size_t pairs(char *to, const char *const *texts, uint32_t count) {
  char *at = to + 4 + count * 4;
  uint32_t half = count / 2;
  memcpy(to, &half, 4);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t size = (uint32_t)strlen(texts[i]);
    memcpy(to + 4 + i * 4, &size, 4);
    memcpy(at, texts[i], size + 1);
    at += size + 1;
  }
  return (size_t)(at - to);
}

static void refuse(uint32_t status, const char *why) {
  char fields[64];
  const char *const texts[] = {"x-gate", "closed"};
  proxy_send_local_response(status, TEXT("gate"), why, strlen(why), fields, pairs(fields, texts, 2), UINT32_MAX);
}

EXPORT(proxy_on_configure) uint32_t on_configure(uint32_t root, size_t size) {
  char *data = NULL;
  (void)root;
  if (proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &data, &size) != 0 || size == 0) return 0;
  service = strndup(data, size);
  free(data);
  return proxy_define_metric(0, TEXT("gate_asked"), &asked) == 0;
}

EXPORT(proxy_on_request_headers) uint32_t on_request_headers(uint32_t context, uint32_t count, uint32_t ends) {
  char *token = header(REQUEST_HEADERS, "x-token"), fields[512];
  (void)count, (void)ends;
  if (token == NULL) {
    refuse(401, "no token");
    return 0;
  }
  const char *const texts[] = {":method", "GET", ":path", token, ":authority", "auth"};
  struct waiting *one = calloc(1, sizeof *one);
  if (strlen(token) > 200 || proxy_http_call(service, strlen(service), fields, pairs(fields, texts, 6), NULL, 0, NULL, 0, 1000, &one->call) != 0) refuse(500, "nobody to ask");
  free(token);
  proxy_increment_metric(asked, 1);
  one->context = context;
  one->next = waiting;
  waiting = one;
  return 1;
}

EXPORT(proxy_on_http_call_response) void on_http_call_response(uint32_t root, uint32_t call, uint32_t count, uint32_t size, uint32_t trailers) {
  char *status = header(CALL_HEADERS, ":status");
  struct waiting **at = &waiting, *one;
  (void)root, (void)count, (void)size, (void)trailers;
  while (*at != NULL && (*at)->call != call) at = &(*at)->next;
  if ((one = *at) == NULL) return;
  *at = one->next;
  proxy_set_effective_context(one->context);
  if (status != NULL && strcmp(status, "200") == 0) {
    proxy_add_header_map_value(REQUEST_HEADERS, TEXT("x-gate"), TEXT("open"));
    proxy_continue_stream(0);
  } else {
    refuse(403, "not you");
  }
  free(status);
  free(one);
}

EXPORT(proxy_on_response_headers) uint32_t on_response_headers(uint32_t context, uint32_t count, uint32_t ends) {
  (void)context, (void)count, (void)ends;
  proxy_remove_header_map_value(RESPONSE_HEADERS, TEXT("content-length"));
  return 0;
}

EXPORT(proxy_on_response_body) uint32_t on_response_body(uint32_t context, size_t size, uint32_t ends) {
  char *data = NULL;
  (void)context;
  if (!ends) return 1;
  if (proxy_get_buffer_bytes(RESPONSE_BODY, 0, size, &data, &size) != 0 || size == 0) return 0;
  for (size_t i = 0; i < size; i++) data[i] = (char)toupper((unsigned char)data[i]);
  proxy_set_buffer_bytes(RESPONSE_BODY, 0, size, data, size);
  free(data);
  return 0;
}

EXPORT(proxy_on_log) void on_log(uint32_t context) {
  char *status = header(RESPONSE_HEADERS, ":status");
  printf("stream %u: %s\n", (unsigned)context, status == NULL ? "none" : status);
  fflush(stdout);
  free(status);
}
