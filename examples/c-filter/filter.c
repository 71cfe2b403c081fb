// Turns crawlers away: those whose User-Agent has one of the words that the configuration lists, one a line.
#include <stdlib.h>
#include <string.h>
#include "proxy_wasm.h"

static char *words = NULL;

static char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter;
}

// Whether the word stands in the text. Upper and lower case are the same.
static bool has(const char *text, size_t length, const char *word, size_t word_length) {
  for (size_t at = 0; word_length <= length && at <= length - word_length; at++) {
    size_t same = 0;
    while (same < word_length && lower(text[at + same]) == lower(word[same])) same++;
    if (same == word_length) return true;
  }
  return false;
}

static bool is_crawler(const char *agent, size_t length) {
  for (const char *word = words; word != NULL && *word != '\0';) {
    size_t word_length = strcspn(word, "\n");
    if (word_length > 0 && has(agent, length, word, word_length)) return true;
    word += word_length + (word[word_length] == '\n');
  }
  return false;
}

// The host asks for memory when it has something to hand over; what it hands over is ours to free.
EXPORT(proxy_on_memory_allocate) void *on_memory_allocate(size_t size) { return malloc(size); }

EXPORT(proxy_abi_version_0_2_1) void abi_version(void) {}

EXPORT(proxy_on_configure) uint32_t on_configure(uint32_t context, size_t size) {
  (void)context;
  free(words);
  words = NULL;
  if (size == 0) return log_text(LOG_ERROR, "the configuration lists no words"), 0;
  char *read = NULL;
  size_t length = 0;
  if (proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &read, &length) != OK) return 0;
  words = calloc(length + 1, 1);
  if (words != NULL) memcpy(words, read, length);
  free(read);
  return words != NULL;
}

EXPORT(proxy_on_request_headers) uint32_t on_request_headers(uint32_t context, uint32_t count, uint32_t ends) {
  (void)context, (void)count, (void)ends;
  char *agent = NULL;
  size_t length = 0;
  if (proxy_get_header_map_value(REQUEST_HEADERS, TEXT("user-agent"), &agent, &length) != OK) return CONTINUE;
  bool crawler = is_crawler(agent, length);
  free(agent);
  if (!crawler) return CONTINUE;
  proxy_send_local_response(403, TEXT("crawler"), TEXT("people only\n"), NULL, 0, -1);
  return PAUSE;
}

EXPORT(proxy_on_response_headers) uint32_t on_response_headers(uint32_t context, uint32_t count, uint32_t ends) {
  (void)context, (void)count, (void)ends;
  proxy_replace_header_map_value(RESPONSE_HEADERS, TEXT("x-robots-tag"), TEXT("noindex"));
  return CONTINUE;
}
