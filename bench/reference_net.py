"""reference_net.py - the reference model in PyTorch, with the names that crmpi gives its parameters.

Shapes: xm [n][16][12], xp [n][24], sc [n][50], sn [n][50][6], sl [n], tx [n][64] (0 = padding, takes part as zero
vectors), heads churn, next_purchase, sentiment, segment, next_category.
"""
import torch
import torch.nn.functional as F
from torch import nn

HEADS = {"churn": 1, "next_purchase": 1, "sentiment": 3, "segment": 5, "next_category": 256}
KERNELS = (3, 4, 5)


class ReferenceNet(nn.Module):
    """rnn: "gru", "lstm" or "bigru".  words: rows of the word table."""

    def __init__(self, rnn="gru", words=20000, dropout=0.2):
        super().__init__()
        self.mconv1 = nn.Conv1d(16, 64, 3, padding=1)
        self.mconv2 = nn.Conv1d(64, 64, 3, padding=1)
        self.prof = nn.Linear(24, 32)
        self.cemb = nn.Embedding(256, 16)
        self.both = rnn == "bigru"
        if rnn == "lstm":
            self.lstm = nn.LSTM(22, 64, batch_first=True)
        else:
            self.gru = nn.GRU(22, 64, batch_first=True, bidirectional=self.both)
        self.temb = nn.Embedding(words, 64, padding_idx=0)
        for k in KERNELS:
            setattr(self, f"tconv{k}", nn.Conv1d(64, 64, k))
        self.fus = nn.Linear(352 + (64 if self.both else 0), 128)
        self.heads = nn.ModuleDict({name: nn.Linear(128, k) for name, k in HEADS.items()})
        self.dropout = dropout

    def sequence(self, sc, sn, sl, packed):
        """State after the last step of each row; the states of both directions side by side."""
        x = torch.cat([self.cemb(sc), sn], 2)
        rnn = self.lstm if hasattr(self, "lstm") else self.gru
        if packed:
            x = nn.utils.rnn.pack_padded_sequence(x, sl, batch_first=True, enforce_sorted=False)
            state = rnn(x)[1]
            state = state[0] if isinstance(state, tuple) else state
            return torch.cat(list(state), 1)
        out, _ = rnn(x)  # equal lengths only
        return out[:, -1, :]

    def forward(self, xm, xp, sc, sn, sl, tx, packed=False):
        months = F.relu(self.mconv2(F.relu(self.mconv1(xm)))).amax(2)
        words = self.temb(tx).transpose(1, 2)
        text = [F.relu(getattr(self, f"tconv{k}")(words)).amax(2) for k in KERNELS]
        parts = [months, F.relu(self.prof(xp)), self.sequence(sc, sn, sl, packed or self.both), *text]
        fused = F.dropout(F.relu(self.fus(torch.cat(parts, 1))), self.dropout, self.training)
        return {name: head(fused) for name, head in self.heads.items()}


def loss_of(logits, labels):
    """Sum of the five means."""
    return sum(
        F.binary_cross_entropy_with_logits(z[:, 0], labels[name].to(z.dtype))
        if z.shape[1] == 1
        else F.cross_entropy(z, labels[name])
        for name, z in logits.items()
    )
