"""Who may come in and what they may do: figures of the part `access`, generated from the app's own maps."""
