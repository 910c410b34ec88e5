"""Architectures as torchvision and others write them, in plain PyTorch and a few channels wide.

Each takes images (N, 3, 16, 16). They stand for ways of writing networks: containers, lists and
functions, reused and in-place activations, views, branches, skips, gates, shuffles, tokens.
"""

import torch
from torch import nn
from torch.nn import functional

SHAPE = (3, 16, 16)


def conv_norm(inputs, outputs, kernel=3, stride=1, activation=nn.ReLU, **options):
    padding = options.pop("padding", kernel // 2 if isinstance(kernel, int) else 0)
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False, **options),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def classifier(channels, classes=5):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 8, 3)
        self.fc1, self.fc2 = nn.Linear(8 * 2 * 2, 12), nn.Linear(12, 5)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), (2, 2))
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        return self.fc2(functional.relu(self.fc1(x)))

    def num_flat_features(self, x):
        size = 1
        for side in (x.size(1), x.size(2), x.size(3)):
            size *= side
        return size


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 5, stride=2, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Sequential(
            nn.Dropout(0.0), nn.Linear(8, 12), nn.ReLU(inplace=True), nn.Linear(12, 5)
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg():
    return nn.Sequential(
        conv_norm(3, 6), nn.MaxPool2d(2), conv_norm(6, 8), conv_norm(8, 8), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 4 * 4, 12), nn.ReLU(True), nn.Dropout(0.0), nn.Linear(12, 5),
    )  # fmt: skip


def network_in_network():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding="same"), nn.ReLU(), nn.Conv2d(6, 6, 1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(6, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


class Bottleneck(nn.Module):
    """Three convolutions and a shortcut; with groups, the block of ResNeXt."""

    def __init__(self, inputs, width, outputs, stride=1, groups=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2, self.bn3 = nn.BatchNorm2d(width), nn.BatchNorm2d(outputs)
        self.conv3, self.relu = nn.Conv2d(width, outputs, 1, bias=False), nn.ReLU(inplace=True)
        changes = stride != 1 or inputs != outputs
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
            if changes
            else None
        )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


def resnet50(groups=1):
    return nn.Sequential(
        conv_norm(3, 6), nn.MaxPool2d(3, 2, padding=1),
        Bottleneck(6, 4, 8, groups=groups), Bottleneck(8, 4, 8), Bottleneck(8, 4, 10, stride=2),
        classifier(10),
    )  # fmt: skip


class PreActivation(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))

    def forward(self, x):
        out = functional.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv2(functional.relu(self.bn2(self.conv1(out))))
        return torch.add(out, shortcut)


def preactivation_resnet():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), PreActivation(6, 6), PreActivation(6, 8, 2),
        nn.BatchNorm2d(8), nn.ReLU(), classifier(8),
    )  # fmt: skip


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1, self.expand3x3 = (
            nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)
        )  # fmt: skip
        self.expand_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat(
            [self.expand_activation(e(x)) for e in (self.expand1x1, self.expand3x3)], 1
        )


def squeezenet():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(inplace=True), Fire(6, 4, 4), Fire(8, 4, 5),
        nn.Dropout(0.0), nn.Conv2d(10, 5, 1), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
    )  # fmt: skip


def mobilenet_v1():
    return nn.Sequential(
        conv_norm(3, 6, stride=2), conv_norm(6, 6, groups=6), conv_norm(6, 8, 1),
        conv_norm(8, 8, stride=2, groups=8), conv_norm(8, 10, 1),
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(10, 5),
    )  # fmt: skip


class SqueezeExcite(nn.Module):
    """A gate for each channel; pooled, two layers, a sigmoid, a product."""

    def __init__(self, channels, gate=nn.Sigmoid):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, 4), nn.ReLU(inplace=True), nn.Linear(4, channels), gate()
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        return x * self.fc(y).view(b, c, 1, 1).expand_as(x)


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, activation=nn.ReLU6, excite=False, times=2):
        super().__init__()
        hidden = inputs * times
        self.use_res_connect = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            conv_norm(inputs, hidden, 1, activation=activation),
            conv_norm(hidden, hidden, 3, stride, activation=activation, groups=hidden),
            *([SqueezeExcite(hidden, nn.Hardsigmoid)] if excite else []),
            conv_norm(hidden, outputs, 1, activation=None),
        )

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


def mobilenet_v2(**options):
    return nn.Sequential(
        conv_norm(3, 4, stride=2, activation=nn.ReLU6), InvertedResidual(4, 6, 1, **options),
        InvertedResidual(6, 6, 1, **options), InvertedResidual(6, 6, 1, **options),
        InvertedResidual(6, 8, 2, **options), conv_norm(8, 10, 1), classifier(10),
    )  # fmt: skip


def mobilenet_v3():
    return mobilenet_v2(activation=nn.Hardswish, excite=True)


def efficientnet():
    return mobilenet_v2(activation=nn.SiLU, excite=True)


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, 2 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(2 * growth), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, *features):
        bottleneck = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return self.conv2(self.relu2(self.norm2(bottleneck)))


class DenseBlock(nn.ModuleDict):
    def __init__(self, count, inputs, growth):
        super().__init__()
        for i in range(count):
            self.add_module(f"denselayer{i + 1}", DenseLayer(inputs + i * growth, growth))

    def forward(self, x):
        features = [x]
        for layer in self.values():
            features.append(layer(*features))
        return torch.cat(features, 1)


def densenet():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False), DenseBlock(2, 6, 3),
        nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 6, 1, bias=False), nn.AvgPool2d(2),
        DenseBlock(2, 6, 3), nn.BatchNorm2d(12), nn.ReLU(), classifier(12),
    )  # fmt: skip


class Shuffle(nn.Module):
    """A unit of ShuffleNet V2: halves, one of which passes, then shuffled channels."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            conv_norm(half, half, 1), conv_norm(half, half, 3, groups=half, activation=None),
            conv_norm(half, half, 1),
        )  # fmt: skip

    def forward(self, x):
        left, right = x.chunk(2, dim=1)
        out = torch.cat((left, self.branch(right)), dim=1)
        batch, channels, height, width = out.size()
        out = out.view(batch, 2, channels // 2, height, width)
        return torch.transpose(out, 1, 2).contiguous().view(batch, channels, height, width)


def shufflenet_v2():
    return nn.Sequential(
        conv_norm(3, 8, stride=2), Shuffle(8), Shuffle(8), conv_norm(8, 10, 1), classifier(10)
    )


class BasicConv2d(nn.Module):
    def __init__(self, inputs, outputs, **options):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return functional.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Branches of GoogLeNet; `factored`, those of Inception v3 with 1x7 and 7x1 kernels."""

    def __init__(self, inputs, factored=False):
        super().__init__()
        self.branch1 = BasicConv2d(inputs, 3, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(inputs, 3, kernel_size=1),
            *(
                [
                    BasicConv2d(3, 3, kernel_size=(1, 7), padding=(0, 3)),
                    BasicConv2d(3, 4, kernel_size=(7, 1), padding=(3, 0)),
                ]
                if factored
                else [BasicConv2d(3, 4, kernel_size=3, padding=1)]
            ),
        )
        self.pool = (
            nn.AvgPool2d(3, stride=1, padding=1) if factored else nn.MaxPool2d(3, 1, padding=1)
        )
        self.branch3 = BasicConv2d(inputs, 3, kernel_size=1)

    def _forward(self, x):
        return [self.branch1(x), self.branch2(x), self.branch3(self.pool(x))]

    def forward(self, x):
        return torch.cat(self._forward(x), 1)


def googlenet(factored=False):
    return nn.Sequential(
        BasicConv2d(3, 6, kernel_size=3, stride=2, padding=1), Inception(6, factored),
        Inception(10, factored), nn.Dropout(0.0), classifier(10),
    )  # fmt: skip


def xception():
    def separable(inputs, outputs):
        return nn.Sequential(
            nn.ReLU(), nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.rep = nn.Sequential(separable(channels, channels), separable(channels, channels))

        def forward(self, inp):
            x = self.rep(inp)
            x += inp
            return x

    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), Block(6), Block(6),
        nn.ReLU(), classifier(6),
    )  # fmt: skip


def darknet():
    class Residual(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.a = conv_norm(channels, 4, 1, activation=lambda: nn.LeakyReLU(0.1, True))
            self.b = conv_norm(4, channels, 3, activation=lambda: nn.LeakyReLU(0.1, True))

        def forward(self, x):
            return x + self.b(self.a(x))

    return nn.Sequential(
        conv_norm(3, 6, activation=lambda: nn.LeakyReLU(0.1)), nn.MaxPool2d(2), Residual(6),
        Residual(6), classifier(6),
    )  # fmt: skip


class FullyConvolutional(nn.Module):
    """Scores per pixel from a coarse and a fine map, enlarged bilinearly."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.ModuleDict(
            {"layer1": conv_norm(3, 6), "layer2": conv_norm(6, 8, stride=2)}
        )
        self.head, self.skip = nn.Conv2d(8, 5, 1), nn.Conv2d(6, 5, 1)

    def forward(self, x):
        fine = self.backbone["layer1"](x)
        coarse = self.head(self.backbone["layer2"](fine))
        coarse = functional.interpolate(
            coarse, size=x.shape[-2:], mode="bilinear", align_corners=False
        )
        return coarse + self.skip(fine)


class TransposedUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inc, self.down = conv_norm(3, 4), nn.Sequential(nn.MaxPool2d(2), conv_norm(4, 6))
        self.up = nn.ConvTranspose2d(6, 4, kernel_size=2, stride=2)
        self.conv, self.outc = conv_norm(8, 4), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        x1 = self.inc(x)
        return self.outc(self.conv(torch.cat([x1, self.up(self.down(x1))], dim=1)))


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.pwconv1, self.act, self.pwconv2 = nn.Linear(dim, 12), nn.GELU(), nn.Linear(12, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 0.5))

    def forward(self, x):
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


def convnext():
    return nn.Sequential(
        nn.Conv2d(3, 6, 4, stride=4), ConvNeXtBlock(6), ConvNeXtBlock(6), classifier(6)
    )


class Transformer(nn.Module):
    """Patches as tokens; multi-head attention is one module of PyTorch."""

    def __init__(self, dim=8):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, dim, 4, stride=4)
        self.position = nn.Parameter(torch.randn(1, 16, dim) * 0.1)
        self.ln, self.attention = nn.LayerNorm(dim), nn.MultiheadAttention(dim, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 12), nn.GELU(), nn.Linear(12, dim))
        self.head = nn.Linear(dim, 5)

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2) + self.position
        y = self.ln(x)
        y, _ = self.attention(y, y, y, need_weights=False)
        x = x + y
        x = x + self.mlp(x)
        return self.head(x[:, 0])


def squeeze_excite_resnet():
    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = conv_norm(channels, channels, activation=None)
            self.se = SqueezeExcite(channels)

        def forward(self, x):
            return functional.relu(self.se(self.conv(x)) + x)

    return nn.Sequential(conv_norm(3, 6), nn.MaxPool2d(2), Block(6), Block(6), classifier(6))


ARCHITECTURES = {
    "lenet": LeNet,
    "alexnet": AlexNet,
    "vgg": vgg,
    "network-in-network": network_in_network,
    "resnet50": resnet50,
    "resnext": lambda: resnet50(groups=2),
    "preactivation-resnet": preactivation_resnet,
    "squeezenet": squeezenet,
    "densenet": densenet,
    "mobilenet-v1": mobilenet_v1,
    "mobilenet-v2": mobilenet_v2,
    "mobilenet-v3": mobilenet_v3,
    "efficientnet": efficientnet,
    "shufflenet-v2": shufflenet_v2,
    "googlenet": googlenet,
    "inception-v3": lambda: googlenet(factored=True),
    "xception": xception,
    "darknet": darknet,
    "se-resnet": squeeze_excite_resnet,
    "fcn": FullyConvolutional,
    "unet": TransposedUNet,
    "convnext": convnext,
    "vision-transformer": Transformer,
}
"""Name -> builder."""
