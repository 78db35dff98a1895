/*
 * Loads the mapper as libui does and uses a buffer: import, lock, write, unlock, read through a second import, metadata,
 * dump, free.
 *
 * client LIBRARY PIXELS METADATA INT...: the fds are inherited, the ints are the handle's. It is a 64x48 RGBA buffer with
 * lines of 320 bytes and a reserved region of 100 bytes.
 */
#include "dmaheap_mapper.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                      \
    do {                                                                 \
        if (!(what)) {                                                   \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #what);   \
            return 1;                                                    \
        }                                                                \
    } while (0)

static const char *const STANDARD = "android.hardware.graphics.common.StandardMetadataType";
enum { CPU_READ_OFTEN = 0x3, CPU_WRITE_OFTEN = 0x30, WIDTH = 3, DATASPACE = 17, STRIDE = 23, HEADER = 69 };

struct dump {
    int buffers;
    int values;
    int64_t last;
};

static void begin(void *context) { ((struct dump *)context)->buffers++; }

static void each(void *context, AIMapper_MetadataType type, const void *value, size_t size) {
    struct dump *dump = context;
    if (strcmp(type.name, STANDARD) == 0 && (size == 0 || size > HEADER) && value != NULL) {
        dump->values++;
        dump->last = type.value;
    }
}

int main(int argc, char **argv) {
    CHECK(argc > 4);
    void *library = dlopen(argv[1], RTLD_LOCAL | RTLD_NOW);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    const uint32_t *version = dlsym(library, "ANDROID_HAL_MAPPER_VERSION");
    CHECK(version != NULL && *version == AIMAPPER_VERSION_5);
    version = dlsym(library, "ANDROID_HAL_STABLEC_VERSION");
    CHECK(version != NULL && *version == AIMAPPER_VERSION_5);
    AIMapper_Error (*load)(AIMapper **) = (AIMapper_Error(*)(AIMapper **))dlsym(library, "AIMapper_loadIMapper");
    CHECK(load != NULL);
    AIMapper *mapper = NULL, *again = NULL;
    CHECK(load(&mapper) == AIMAPPER_ERROR_NONE && load(&again) == AIMAPPER_ERROR_NONE);
    CHECK(mapper == again && mapper->version == AIMAPPER_VERSION_5);
    CHECK((uintptr_t)mapper % alignof(AIMapper) == 0);
    const AIMapperV5 *v5 = &mapper->v5;

    int ints = argc - 4;
    native_handle_t *raw = malloc(sizeof(native_handle_t) + sizeof(int) * (size_t)(2 + ints));
    CHECK(raw != NULL);
    raw->version = sizeof(native_handle_t);
    raw->numFds = 2;
    raw->numInts = ints;
    for (int i = 0; i < 2 + ints; i++) raw->data[i] = atoi(argv[2 + i]);

    buffer_handle_t one = NULL, other = NULL;
    CHECK(v5->importBuffer(NULL, &one) == AIMAPPER_ERROR_BAD_BUFFER);
    CHECK(v5->importBuffer(raw, &one) == AIMAPPER_ERROR_NONE && one != NULL);
    CHECK(v5->importBuffer(raw, &other) == AIMAPPER_ERROR_NONE && other != NULL && other != one);
    CHECK(one->version == raw->version && one->numFds == 2 && one->numInts == ints);
    CHECK(one->data[0] != raw->data[0] && memcmp(one->data + 2, raw->data + 2, sizeof(int) * (size_t)ints) == 0);
    uint32_t travelling_fds = 0, travelling_ints = 0;
    CHECK(v5->getTransportSize(one, &travelling_fds, &travelling_ints) == AIMAPPER_ERROR_NONE);
    CHECK(travelling_fds == 2 && travelling_ints == (uint32_t)ints);
    CHECK(v5->freeBuffer(raw) == AIMAPPER_ERROR_BAD_BUFFER);

    void *data = NULL;
    ARect whole = {0, 0, 64, 48}, too_large = {0, 0, 128, 96};
    CHECK(v5->lock(one, CPU_WRITE_OFTEN, too_large, -1, &data) == AIMAPPER_ERROR_BAD_VALUE);
    CHECK(v5->lock(one, CPU_WRITE_OFTEN, whole, -1, &data) == AIMAPPER_ERROR_NONE && data != NULL);
    for (int line = 0; line < 48; line++) memset((char *)data + line * 320, line, 64 * 4);
    CHECK(v5->flushLockedBuffer(one) == AIMAPPER_ERROR_NONE);
    int fence = 0;
    CHECK(v5->unlock(one, &fence) == AIMAPPER_ERROR_NONE && fence == -1);
    CHECK(v5->unlock(one, &fence) == AIMAPPER_ERROR_BAD_BUFFER);
    CHECK(v5->lock(other, CPU_READ_OFTEN, whole, fence, &data) == AIMAPPER_ERROR_NONE);
    CHECK(v5->rereadLockedBuffer(other) == AIMAPPER_ERROR_NONE);
    for (int line = 0; line < 48; line++) CHECK(((unsigned char *)data)[line * 320 + 255] == line);
    CHECK(v5->unlock(other, &fence) == AIMAPPER_ERROR_NONE);

    unsigned char bytes[128];
    CHECK(v5->getStandardMetadata(one, WIDTH, NULL, 0) == HEADER + 8);
    CHECK(v5->getStandardMetadata(one, WIDTH, bytes, sizeof bytes) == HEADER + 8 && bytes[HEADER] == 64);
    AIMapper_MetadataType stride = {STANDARD, STRIDE}, dataspace = {STANDARD, DATASPACE}, fake = {"Fake", 1};
    CHECK(v5->getMetadata(one, stride, bytes, sizeof bytes) == HEADER + 4 && bytes[HEADER] == 80);
    CHECK(v5->getMetadata(one, fake, bytes, sizeof bytes) == -AIMAPPER_ERROR_UNSUPPORTED);
    CHECK(v5->getMetadata(one, dataspace, bytes, sizeof bytes) == HEADER + 4);
    bytes[HEADER] = 9;
    CHECK(v5->setMetadata(one, dataspace, bytes, HEADER + 4) == AIMAPPER_ERROR_NONE);
    bytes[HEADER] = 0;
    CHECK(v5->getStandardMetadata(other, DATASPACE, bytes, sizeof bytes) == HEADER + 4 && bytes[HEADER] == 9);
    CHECK(v5->setStandardMetadata(one, WIDTH, bytes, HEADER + 4) == AIMAPPER_ERROR_BAD_VALUE);

    const AIMapper_MetadataTypeDescription *list = NULL;
    size_t count = 0;
    CHECK(v5->listSupportedMetadataTypes(&list, &count) == AIMAPPER_ERROR_NONE && count == 23);
    for (size_t i = 0; i < count; i++) {
        CHECK(strcmp(list[i].metadataType.name, STANDARD) == 0 && list[i].metadataType.value == (int64_t)i + 1);
        CHECK(list[i].isGettable && list[i].isSettable == (i + 1 >= 16 && i + 1 <= 22));
    }
    struct dump dump = {0, 0, 0};
    CHECK(v5->dumpBuffer(one, each, &dump) == AIMAPPER_ERROR_NONE && dump.values == 23 && dump.last == STRIDE);
    CHECK(v5->dumpAllBuffers(begin, each, &dump) == AIMAPPER_ERROR_NONE && dump.buffers == 2 && dump.values == 69);
    void *region = NULL;
    uint64_t size = 0;
    CHECK(v5->getReservedRegion(one, &region, &size) == AIMAPPER_ERROR_NONE && region != NULL && size == 100);
    memset(region, 1, size);

    CHECK(v5->freeBuffer(one) == AIMAPPER_ERROR_NONE && v5->freeBuffer(one) == AIMAPPER_ERROR_BAD_BUFFER);
    CHECK(v5->freeBuffer(other) == AIMAPPER_ERROR_NONE);
    free(raw);
    puts("done");
    return 0;
}
