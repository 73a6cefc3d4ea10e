"""What pages share: their look, their colours, how they are made from templates."""
