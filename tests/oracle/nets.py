"""The nets of FIXMATCH §2 as PyTorch modules, written from that page: what weights of a checkpoint
load into (`module.load_state_dict`)."""
import torch
from torch import nn


class CnnSmall(nn.Module):
    """FIXMATCH 2.7."""

    def __init__(self, channels, classes, epsilon=1e-3):
        super().__init__()
        rows = [(channels, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2), (64, 128, 1)]
        for number, (fan_in, fan_out, stride) in enumerate(rows, 1):
            self.add_module(f"conv{number}", nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(fan_out, eps=epsilon))
        self.fc = nn.Linear(128, classes)

    def forward(self, x):
        for number in range(1, 6):
            x = getattr(self, f"conv{number}")(x)
            x = nn.functional.leaky_relu(getattr(self, f"bn{number}")(x), 0.1)
        return self.fc(x.mean((2, 3)))


class WideBlock(nn.Module):
    """FIXMATCH 2.1: only the net's first block feeds its shortcut with the activated input."""

    def __init__(self, fan_in, fan_out, stride, is_first, epsilon):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(fan_in, eps=epsilon)
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(fan_out, eps=epsilon)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        if fan_in != fan_out or stride != 1:
            self.convShortcut = nn.Conv2d(fan_in, fan_out, 1, stride, 0, bias=False)
        self.is_first = is_first

    def forward(self, x):
        a = nn.functional.leaky_relu(self.bn1(x), 0.1)
        y = self.conv2(nn.functional.leaky_relu(self.bn2(self.conv1(a)), 0.1))
        r = a if self.is_first else x
        return y + (self.convShortcut(r) if hasattr(self, "convShortcut") else r)


class Group(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.layer = nn.Sequential(*blocks)

    def forward(self, x):
        return self.layer(x)


class Wrn(nn.Module):
    """FIXMATCH 2.1."""

    def __init__(self, channels, classes, depth, widening, epsilon=1e-3):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        fan_in = 16
        for group in range(3):
            fan_out, blocks = (16 << group) * widening, []
            for i in range((depth - 4) // 6):
                stride = 2 if group > 0 and i == 0 else 1
                blocks.append(WideBlock(fan_in, fan_out, stride, group == 0 and i == 0, epsilon))
                fan_in = fan_out
            self.add_module(f"block{group + 1}", Group(blocks))
        self.bn1 = nn.BatchNorm2d(fan_in, eps=epsilon)
        self.fc = nn.Linear(fan_in, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(nn.functional.leaky_relu(self.bn1(x), 0.1).mean((2, 3)))


class BasicBlock(nn.Module):
    def __init__(self, fan_in, fan_out, stride, epsilon):
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(fan_out, eps=epsilon)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(fan_out, eps=epsilon)
        if fan_in != fan_out or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(fan_in, fan_out, 1, stride, 0, bias=False),
                                            nn.BatchNorm2d(fan_out, eps=epsilon))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class Resnet18(nn.Module):
    """FIXMATCH 2.6; all channels divided by 2^narrowing."""

    def __init__(self, channels, classes, narrowing=0, epsilon=1e-3):
        super().__init__()
        stem = 64 >> narrowing
        self.conv1 = nn.Conv2d(channels, stem, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem, eps=epsilon)
        fan_in = stem
        for group in range(4):
            fan_out = stem << group
            stride = 1 if group == 0 else 2
            self.add_module(f"layer{group + 1}", nn.Sequential(
                BasicBlock(fan_in, fan_out, stride, epsilon),
                BasicBlock(fan_out, fan_out, 1, epsilon)))
            fan_in = fan_out
        self.fc = nn.Linear(fan_in, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def make(model, classes, epsilon=1e-3):
    """The module of a "model" of net_oracle.py or of a job."""
    channels = model["channels"]
    if model["kind"] == "cnn_small":
        return CnnSmall(channels, classes, epsilon)
    if model["kind"] == "wrn":
        return Wrn(channels, classes, model["depth"], model["widening"], epsilon)
    return Resnet18(channels, classes, model.get("widening", 0), epsilon)
