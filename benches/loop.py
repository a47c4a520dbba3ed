"""The loop of a PyTorch course: prints the samples/s of one epoch. Arguments: batch, threads, samples."""
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

batch, threads, samples = map(int, sys.argv[1:])
torch.set_num_threads(threads)
data = TensorDataset(torch.rand(samples, 784), torch.arange(samples) % 10)
loader = DataLoader(data, batch_size=batch, shuffle=True)
model = nn.Sequential(
    nn.Linear(784, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
clock = time.perf_counter if threads > 1 else time.thread_time


def epoch():
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()


epoch()
begun = clock()
epoch()
print(samples / (clock() - begun))
