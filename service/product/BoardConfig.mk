# For the board's BoardConfig.mk, which sets first:
#
#     GRALLOC_DMAHEAP_DIR := PATH/TO/THIS/PROJECT
#     GRALLOC_DMAHEAP_PROFILE := generic     # the profile of the product's makefile; a board with a policy of its own
#                                            # leaves it out, and adds the folder that docs/porting.md has it generate

BOARD_VENDOR_SEPOLICY_DIRS += $(GRALLOC_DMAHEAP_DIR)/sepolicy/vendor

ifneq ($(wildcard $(GRALLOC_DMAHEAP_DIR)/sepolicy/heaps/$(GRALLOC_DMAHEAP_PROFILE)),)
BOARD_VENDOR_SEPOLICY_DIRS += $(GRALLOC_DMAHEAP_DIR)/sepolicy/heaps/$(GRALLOC_DMAHEAP_PROFILE)
endif
