"""How it looks: pure functions from frozen values to Rich renderables."""
