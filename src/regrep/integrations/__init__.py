"""The penalty and the measures inside the frameworks that people train with; each module is imported on use only.

* :mod:`regrep.integrations.lightning`: callbacks that add the penalty to any LightningModule and that log the measures.
* :mod:`regrep.integrations.huggingface`: a mixin that adds the penalty to a Hugging Face Trainer.
* :mod:`regrep.integrations.torchmetrics`: the measures as metrics of torchmetrics.

What they need is in the extra ``[integrations]``. The page ``docs/guide/frameworks.md`` shows each at work.
"""
