/* What the checks need of the mapper's header, in a form that bindgen evaluates. In C++, as the platform's header is. */
#include <stddef.h>

#include <android/hardware/graphics/mapper/IMapper.h>

#define CODE(name) static const long long value_##name = name;
#define TYPE(type) \
    static const unsigned long long size_##type = sizeof(type); \
    static const unsigned long long align_##type = alignof(type);
#define FIELD(type, field) static const unsigned long long offset_##type##_##field = offsetof(type, field);

CODE(AIMAPPER_VERSION_5)
CODE(AIMAPPER_ERROR_NONE)
CODE(AIMAPPER_ERROR_BAD_BUFFER)
CODE(AIMAPPER_ERROR_BAD_VALUE)
CODE(AIMAPPER_ERROR_NO_RESOURCES)
CODE(AIMAPPER_ERROR_UNSUPPORTED)

TYPE(native_handle_t)
FIELD(native_handle_t, version)
FIELD(native_handle_t, numFds)
FIELD(native_handle_t, numInts)
FIELD(native_handle_t, data)

TYPE(ARect)
FIELD(ARect, left)
FIELD(ARect, top)
FIELD(ARect, right)
FIELD(ARect, bottom)

TYPE(AIMapper_MetadataType)
FIELD(AIMapper_MetadataType, name)
FIELD(AIMapper_MetadataType, value)

TYPE(AIMapper_MetadataTypeDescription)
FIELD(AIMapper_MetadataTypeDescription, metadataType)
FIELD(AIMapper_MetadataTypeDescription, description)
FIELD(AIMapper_MetadataTypeDescription, isGettable)
FIELD(AIMapper_MetadataTypeDescription, isSettable)
FIELD(AIMapper_MetadataTypeDescription, reserved)

TYPE(AIMapperV5)
FIELD(AIMapperV5, importBuffer)
FIELD(AIMapperV5, freeBuffer)
FIELD(AIMapperV5, getTransportSize)
FIELD(AIMapperV5, lock)
FIELD(AIMapperV5, unlock)
FIELD(AIMapperV5, flushLockedBuffer)
FIELD(AIMapperV5, rereadLockedBuffer)
FIELD(AIMapperV5, getMetadata)
FIELD(AIMapperV5, getStandardMetadata)
FIELD(AIMapperV5, setMetadata)
FIELD(AIMapperV5, setStandardMetadata)
FIELD(AIMapperV5, listSupportedMetadataTypes)
FIELD(AIMapperV5, dumpBuffer)
FIELD(AIMapperV5, dumpAllBuffers)
FIELD(AIMapperV5, getReservedRegion)

TYPE(AIMapper)
FIELD(AIMapper, version)
FIELD(AIMapper, v5)
