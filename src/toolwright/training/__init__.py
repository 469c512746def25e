"""Training: supervised fine-tuning with LoRA."""
