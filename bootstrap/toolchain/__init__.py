"""The programs we drive: found, downloaded and verified, or built."""
