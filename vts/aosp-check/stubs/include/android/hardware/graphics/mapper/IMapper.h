/* The platform's header outside of a tree: this project's own, which has the same types. */
#include "../../../../../../../../service/mapper/include/dmaheap_mapper.h"
