# Inherit from the product's makefile:
#
#     $(call soong_config_set,gralloc_dmaheap,profile,generic)
#     $(call inherit-product, PATH/TO/THIS/PROJECT/service/product/device.mk)
#
# and from BoardConfig.mk include BoardConfig.mk beside this file. docs/porting.md goes through it step by step.

PRODUCT_PACKAGES += \
    android.hardware.graphics.allocator-service.dmaheap \
    gralloc_dmaheap_heaps.json \
    mapper.dmaheap

PRODUCT_PACKAGES_DEBUG += heapctl
