"""The inspector of one file's prototypes: listing, source, tables, sizes and what the code means for sharing."""
