"""Plain float networks, written as their users write them, with nothing of hwsubnet in them."""

from torch import nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut; one ReLU runs twice, and the addition is in place."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.down = None
        if stride != 1 or inputs != outputs:
            self.down = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        identity = x if self.down is None else self.down(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += identity
        return self.relu(y)


class SmallResNet(nn.Module):
    """ReLU and pooling as functions, a view, an argument that only some callers give."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.layer1, self.layer2 = BasicBlock(8, 8), BasicBlock(8, 12, stride=2)
        self.fc = nn.Linear(12, 10)

    def forward(self, x, features=False):
        x = functional.max_pool2d(functional.relu(self.stem(x)), 2)
        x = functional.adaptive_avg_pool2d(self.layer2(self.layer1(x)), 1)
        x = x.view(x.size(0), -1)
        if features:
            return x
        x = functional.dropout(x, 0.0, training=self.training)
        return self.fc(x)
