#include "proto/plate.h"

#include "proto/wire.h"

#include <string.h>

/* Decodes the character at the start of valid UTF-8; returns its length. */
static size_t decode(const char *at, uint32_t *out)
{
    const uint8_t *byte = (const uint8_t *)at;

    if (byte[0] < 0x80) {
        *out = byte[0];
        return 1;
    }
    if (byte[0] < 0xE0) {
        *out = (uint32_t)(byte[0] & 0x1F) << 6 | (byte[1] & 0x3FU);
        return 2;
    }
    if (byte[0] < 0xF0) {
        *out =
            (uint32_t)(byte[0] & 0x0F) << 12 | (uint32_t)(byte[1] & 0x3F) << 6 | (byte[2] & 0x3FU);
        return 3;
    }
    *out = (uint32_t)(byte[0] & 0x07) << 18 | (uint32_t)(byte[1] & 0x3F) << 12 |
           (uint32_t)(byte[2] & 0x3F) << 6 | (byte[3] & 0x3FU);
    return 4;
}

/* Encodes a character below U+10000 that upper() returned; returns its length. */
static size_t encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
}

/*
 * Upper case in the blocks that Vietnamese and other Latin letters live in, by the regular pattern
 * of each block and not by the locale: all centrals must see the same plate. No result is longer in
 * UTF-8 than its letter.
 */
static uint32_t upper(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } singles[] = {{0xB5, 0x39C},  {0xFF, 0x178},  {0x131, 'I'},    {0x17F, 'S'},
                   {0x1A1, 0x1A0}, {0x1B0, 0x1AF}, {0x1E9B, 0x1E60}};
    /* Pairs of upper and lower: the first upper one, the last lower one. */
    static const struct {
        uint32_t first, last;
    } pairs[] = {{0x100, 0x12F}, {0x132, 0x137},   {0x139, 0x148},  {0x14A, 0x177},
                 {0x179, 0x17E}, {0x1E00, 0x1E95}, {0x1EA0, 0x1EFF}};

    if ((c >= 'a' && c <= 'z') || (c >= 0xE0 && c <= 0xFE && c != 0xF7)) {
        return c - 0x20;
    }
    if (c < 0x80) {
        return c; /* nearly all that plates have */
    }
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        if (c == singles[i].from) {
            return singles[i].to;
        }
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (c >= pairs[i].first && c <= pairs[i].last) {
            return c - (c - pairs[i].first) % 2;
        }
    }
    return c;
}

static bool is_space(uint32_t c)
{
    if (c > ' ' && c < 0x80) {
        return false;
    }
    return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || c == 0x85 ||
           c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

/* `text`, valid UTF-8, without white space at its ends. */
static struct slice trim(struct slice text)
{
    size_t start = 0;
    size_t end = 0;
    bool inside = false;

    for (size_t at = 0; at < text.len;) {
        uint32_t c = 0;
        size_t len = decode(text.data + at, &c);
        if (!is_space(c)) {
            start = inside ? start : at;
            end = at + len;
            inside = true;
        }
        at += len;
    }
    return (struct slice){text.data + start, end - start};
}

int plate_parse(struct slice text, struct plate *out)
{
    size_t len = 0;

    if (!text.data || !wire_is_utf8(text)) {
        return -1;
    }
    text = trim(text);
    if (text.len > LIMIT_PLATE) {
        return -1;
    }
    for (size_t at = 0; at < text.len;) {
        uint32_t c = 0;
        size_t taken = decode(text.data + at, &c);
        uint32_t big = upper(c);
        if (is_control(c)) {
            return -1;
        }
        if (big == c) {
            memcpy(out->view + len, text.data + at, taken);
            len += taken;
        } else {
            len += encode(big, out->view + len);
        }
        at += taken;
    }
    out->view[len] = '\0';
    size_t usable = plate_reduce((struct slice){out->view, len}, out->id, sizeof out->id);
    return usable < LIMIT_PLATE_MIN ? -1 : 0;
}

size_t plate_reduce(struct slice text, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len + 1 < size; i++) {
        char c = text.data[i];
        if (c >= 'a' && c <= 'z') {
            c = (char)(c - ('a' - 'A'));
        }
        if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            out[len++] = c;
        }
    }
    if (size) {
        out[len] = '\0';
    }
    return len;
}

/* The letter that stands for the class of `c`. */
static char class_of(char c)
{
    switch (c) {
    case 'O':
    case 'D':
    case 'Q':
        return '0';
    case 'I':
    case 'L':
        return '1';
    case 'Z':
        return '2';
    case 'S':
        return '5';
    case 'G':
        return '6';
    case 'B':
        return '8';
    case 'V':
        return 'U';
    default:
        return c;
    }
}

static size_t bare(struct slice text, bool look, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len + 1 < size; i++) {
        char c = text.data[i];
        if (c == ' ' || c == '-' || c == '.') {
            continue;
        }
        if (c >= 'a' && c <= 'z') {
            c = (char)(c - ('a' - 'A'));
        } else if (c == '\x91' && len && out[len - 1] == '\xC4') {
            c = '\x90'; /* U+0111 to U+0110, the one other letter that Vietnamese plates carry */
        }
        if (look && c == '\x90' && len && out[len - 1] == '\xC4') {
            out[len - 1] = '0';
            continue;
        }
        out[len++] = look ? class_of(c) : c;
    }
    if (size) {
        out[len] = '\0';
    }
    return len;
}

size_t plate_look(struct slice text, char *out, size_t size)
{
    return bare(text, true, out, size);
}

size_t plate_bare(struct slice text, char *out, size_t size)
{
    return bare(text, false, out, size);
}
