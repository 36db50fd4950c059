"""Batches of a loader, as training sees them."""


def batch_of(module, loader=None):
    """The first batch of the first epoch, of the training loader unless another is named."""
    loader = module.train_dataloader() if loader is None else loader
    loader.sampler.set_epoch(0)
    return next(iter(loader))


def pairs(module, loader, epoch=0):
    """All batches of an epoch after the transfer to the device."""
    loader.sampler.set_epoch(epoch)
    return [module.on_after_batch_transfer(batch, 0) for batch in loader]
