# After device/google/cuttlefish's own makefiles. Whatever the APEX overrides is not installed (docs/cuttlefish.md).

$(call soong_config_set,gralloc_dmaheap,profile,cuttlefish)

PRODUCT_PACKAGES += com.android.hardware.graphics.dmaheap
PRODUCT_PACKAGES_DEBUG += heapctl
