/* For the files of segments only: the offsets of FORMAT.md §4, and rules that builder and parser share. */
#ifndef HIKAE_REPO_SEGMENT_INTERNAL_H
#define HIKAE_REPO_SEGMENT_INTERNAL_H

#include "repo/segment.h"

enum { SEGMENT_HEAD_SIZE = 16 };
/* In a pack's row. */
enum { SEGMENT_PACK_SIZE = 32, SEGMENT_PACK_BLOCKS = 40, SEGMENT_PACK_ZERO = 44, SEGMENT_PACK_HEADER = 48 };
/* In an entry's row. */
enum { ENTRY_BLOCK = 20, ENTRY_OFFSET = 24, ENTRY_LENGTH = 28, ENTRY_TYPE = 31 };

_Static_assert(SEGMENT_PACK_HEADER + CONTAINER_HEADER_SIZE == SEGMENT_PACK_ROW, "a pack's row ends in its header");
_Static_assert(ENTRY_TYPE + 1 == SEGMENT_ENTRY_ROW, "an entry's row ends in its type");

/* What is wrong with a pack's length and the places of its blocks, or NULL. */
const char *segment_pack_fault(const struct pack_info *pack);
struct segment_entry segment_entry_decode(const uint8_t row[SEGMENT_ENTRY_ROW]);

#endif
