import numpy as np

def compute_CCE_loss(AL, Y):
    total = 0
    for n in range(AL.shape[0]):
        for c in range(AL.shape[1]):
            if Y[n, c] != 0:
                total = total - Y[n, c] * np.log(AL[n, c] + 1e-5)
    return total / AL.shape[0]

def compute_MSE_loss(AL, Y):
    total = 0
    for n in range(AL.shape[0]):
        for c in range(AL.shape[1]):
            total = total + (AL[n, c] - Y[n, c]) ** 2
    return total / AL.shape[0]
